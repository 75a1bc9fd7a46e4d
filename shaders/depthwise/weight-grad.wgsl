//! import walk/thread
//! needs Lane, LANES
// Depthwise convolution, weight gradient: partial sums over slices of the output rows.
//
// partial[s, kh, kw, c] = sum over the output rows (n, oh) of slice s and all ow of x[n, oh SH - PH
// + kh, ow SW - PW + kw, c] dy[n, oh, ow, c]; x outside the image counts as zero.
// x [N, H, W, C], dy [N, OH, OW, C], partial [SLICES, KH, KW, C]; C a multiple of LANES.
// With SUMS also partial_bias[s, c] = sum over the same rows and columns of dy [SLICES, C]: the bias gradient.
// Constants: SUMS (boolean), N, H, W, C, OH, OW, KH, KW, SH, SW (stride), PH, PW (top and left padding), SLICES,
// TAPH, TAPW = window rows and columns of a thread's tile of taps, WG = threads a workgroup.
// Grid: ceil(SLICES ceil(KH / TAPH) ceil(KW / TAPW) C / LANES / WG) workgroups, folded into x and y.
//
// Tuning: both. A thread keeps the sums of its tile of taps and slides the pixels of x under them
// along the row: a step costs one load of dy and min(SW, TAPW) loads of x for each of the TAPH
// rows, for TAPH TAPW multiply-adds. Neighbouring threads have neighbouring channels.

@group(0) @binding(0) var<storage, read> x: array<Lane>;
@group(0) @binding(1) var<storage, read> dy: array<Lane>;
@group(0) @binding(2) var<storage, read_write> partial: array<Lane>;
@group(0) @binding(3) var<storage, read_write> partial_bias: array<Lane>;

const WIDTH = u32(C) / LANES;
const TILES_W = (u32(KW) + TAPW - 1u) / TAPW;
const TILES_H = (u32(KH) + TAPH - 1u) / TAPH;
const DY_ROWS = u32(N) * OH;
const SLICE_ROWS = (DY_ROWS + SLICES - 1u) / SLICES;
const FRESH = min(u32(SW), TAPW);
const TILE = u32(TAPH) * TAPW;

const_assert u32(C) % LANES == 0u;
const_assert SLICES <= N * OH;

// Pixel of image row h (below zero or past the image: zeros) at a column that may be outside too.
fn pixel(image: u32, h: u32, column: u32, lane: u32) -> Lane {
  let inside = h < H && column < W;
  let at = ((image * H + h) * W + column) * WIDTH + lane;
  return select(Lane(), x[select(0u, at, inside)], inside);
}

@compute @workgroup_size(WG)
fn main(thread: Thread) {
  let id = group_of(thread) * u32(WG) + thread.local;
  let hidden = thread.groups.z - 1u; // always 0, but the driver does not know
  let lane = id % WIDTH;
  let kw = id / WIDTH % TILES_W * TAPW;
  let kh = id / (WIDTH * TILES_W) % TILES_H * TAPH;
  let slice = id / (WIDTH * TILES_W * TILES_H);
  if (slice >= SLICES) {
    return;
  }
  var sums: array<Lane, TILE>;
  var plain = Lane();
  for (var round = 0u; round < SLICE_ROWS; round++) {
    let row = slice * SLICE_ROWS + round;
    if (row >= DY_ROWS) {
      break;
    }
    let image = row / OH;
    let top = row % OH * SH + kh - PH;
    let left = kw - PW;
    var window: array<Lane, TILE>;
    for (var i = 0u; i < TAPH; i++) {
      for (var k = FRESH; k < TAPW; k++) {
        window[i * TAPW + k] = pixel(image, top + i, left + k - FRESH, lane);
      }
    }
    for (var ow = hidden; ow < OW; ow++) {
      let g = dy[(row * OW + ow) * WIDTH + lane];
      if (SUMS) {
        plain += g;
      }
      for (var i = 0u; i < TAPH; i++) {
        for (var k = 0u; k < TAPW; k++) {
          let t = i * TAPW + k;
          if (k + FRESH < TAPW) {
            window[t] = window[(t + FRESH) % TILE];
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
  if (SUMS && kh == 0u && kw == 0u) {
    partial_bias[slice * WIDTH + lane] = plain;
  }
  for (var i = 0u; i < TAPH; i++) {
    for (var k = 0u; k < TAPW; k++) {
      if (kh + i < KH && kw + k < KW) {
        partial[((slice * KH + kh + i) * KW + kw + k) * WIDTH + lane] = sums[i * TAPW + k];
      }
    }
  }
}
