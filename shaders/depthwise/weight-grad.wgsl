// Depthwise convolution, weight gradient, any C: partial sums over slices of the output rows.
//
// partial[s, kh, kw, c] = sum over the output rows (n, oh) of slice s and all ow of x[n, oh SH - PH
// + kh, ow SW - PW + kw, c] dy[n, oh, ow, c]; x outside the image counts as zero.
// x [N, H, W, C], dy [N, OH, OW, C], partial [SLICES, KH, KW, C].
// Constants: N, H, W, C, OH, OW, KH, KW, SH, SW (stride), PH, PW (top and left padding), SLICES,
// TAPH, TAPW = window rows and columns of a lane's tile of taps, WG = lanes a workgroup.
// Grid: ceil(SLICES ceil(KH / TAPH) ceil(KW / TAPW) C / WG) workgroups, folded into x and y.
//
// Tuning: both. A lane keeps the sums of its tile of taps and slides the pixels of x under them
// along the row: a step costs one load of dy and min(SW, TAPW) loads of x for each of the TAPH
// rows, for TAPH TAPW multiply-adds. Neighbouring lanes have neighbouring channels.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

const LANES = u32(C);
const TILES_W = (u32(KW) + TAPW - 1u) / TAPW;
const TILES_H = (u32(KH) + TAPH - 1u) / TAPH;
const DY_ROWS = u32(N) * OH;
const SLICE_ROWS = (DY_ROWS + SLICES - 1u) / SLICES;
const FRESH = min(u32(SW), TAPW);
const TILE = u32(TAPH) * TAPW;

// Pixel of image row h (below zero or past the image: zeros) at a column that may be outside too.
fn pixel(image: u32, h: u32, column: u32, lane: u32) -> f32 {
  let inside = h < H && column < W;
  let at = ((image * H + h) * W + column) * LANES + lane;
  return select(0.0, x[select(0u, at, inside)], inside);
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let id = (wid.y * grid.x + wid.x) * WG + local;
  let hidden = grid.z - 1u; // always 0, but the driver does not know
  let lane = id % LANES;
  let kw = id / LANES % TILES_W * TAPW;
  let kh = id / (LANES * TILES_W) % TILES_H * TAPH;
  let slice = id / (LANES * TILES_W * TILES_H);
  if (slice >= SLICES) {
    return;
  }
  var sums: array<f32, TILE>;
  let last = min(DY_ROWS, slice * SLICE_ROWS + SLICE_ROWS);
  for (var row = slice * SLICE_ROWS; row < last; row++) {
    let image = row / OH;
    let top = row % OH * SH + kh - PH;
    let left = kw - PW;
    var window: array<f32, TILE>;
    for (var i = 0u; i < TAPH; i++) {
      for (var k = FRESH; k < TAPW; k++) {
        window[i * TAPW + k] = pixel(image, top + i, left + k - FRESH, lane);
      }
    }
    for (var ow = 0u; ow < OW + hidden; ow++) {
      let g = dy[(row * OW + ow) * LANES + lane];
      for (var i = 0u; i < TAPH; i++) {
        for (var k = 0u; k < TAPW; k++) {
          let t = i * TAPW + k;
          if (k + FRESH < TAPW) {
            window[t] = window[t + FRESH];
          } else {
            window[t] = pixel(image, top + i, left + ow * SW + k, lane);
          }
        }
        for (var k = 0u; k < TAPW; k++) {
          sums[i * TAPW + k] += window[i * TAPW + k] * g;
        }
      }
    }
  }
  for (var i = 0u; i < TAPH; i++) {
    for (var k = 0u; k < TAPW; k++) {
      if (kh + i < KH && kw + k < KW) {
        partial[((slice * KH + kh + i) * KW + kw + k) * LANES + lane] = sums[i * TAPW + k];
      }
    }
  }
}
