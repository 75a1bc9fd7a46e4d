// Depthwise convolution, forward and input gradient, C a multiple of 4: each channel has a window
// of its own.
//
// forward: y[n, oh, ow, c] = b[c] + sum over kh, kw of x[n, oh SH - PH + kh, ow SW - PW + kw, c]
// w[kh, kw, c]; x outside the image counts as zero.
// input_gradient, as a gather: dx[n, h, i, c] = sum of dy[n, oh, ow, c] w[kh, kw, c] over the taps
// with oh SH + kh = h + PH and ow SW + kw = i + PW.
// x, dx [N, H, W, C]; w [KH, KW, C]; b [C] (read only if HAS_BIAS); y, dy [N, OH, OW, C].
// `source` is x or dy, `result` is y or dx.
// Constants: N, H, W, C, OH, OW, KH, KW, SH, SW (stride), PH, PW (top and left padding), HAS_BIAS,
// PER = pixels of a row a lane makes, WG = lanes a workgroup.
// Grid, folded into x and y: forward ceil(N OH ceil(OW / PER) C / 4 / WG) workgroups,
// input_gradient ceil(N H SW ceil(ceil(W / SW) / PER) C / 4 / WG).
//
// Tuning: both. A lane slides a register window along a row: each tap costs one load of the
// source and one of the weight for PER multiply-adds. Pixels of the source that are SW apart
// (forward), or results that are (input_gradient), meet every SW-th tap only, so the window
// moves by one whatever the stride. Neighbouring lanes have neighbouring channels, which GPUs
// coalesce. Software adapters turn a load into a loop over the lanes and want long tiles.

@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;

const LANES = u32(C) / 4u;

// One row of the source: index of its first pixel, its length, and the columns that a sweep reads
// (below zero they wrap to large numbers).
struct Line {
  at: u32,
  width: u32,
  first: u32,
  step: u32,
}

// Weights in the order of the sweep: index of the first, distance (may wrap), how many.
struct Taps {
  at: u32,
  step: u32,
  count: u32,
}

fn pixel(line: Line, i: u32) -> vec4f {
  let column = line.first + i * line.step;
  let inside = column < line.width;
  return select(vec4f(), source[select(0u, line.at + column * LANES, inside)], inside);
}

// start[p] + sum over j of line(p + j) taps(j).
fn sweep(start: array<vec4f, PER>, line: Line, taps: Taps) -> array<vec4f, PER> {
  var sums = start;
  var window: array<vec4f, PER>;
  for (var p = 1u; p < PER; p++) {
    window[p] = pixel(line, p - 1u);
  }
  for (var j = 0u; j < taps.count; j++) {
    for (var p = 1u; p < PER; p++) {
      window[p - 1u] = window[p];
    }
    window[PER - 1u] = pixel(line, j + PER - 1u);
    let tap = w[taps.at + j * taps.step];
    for (var p = 0u; p < PER; p++) {
      sums[p] += window[p] * tap;
    }
  }
  return sums;
}

@compute @workgroup_size(WG)
fn forward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  const TILES = (u32(OW) + PER - 1u) / PER;
  let id = (wid.y * grid.x + wid.x) * WG + local;
  let hidden = grid.z - 1u; // always 0, but the driver does not know: no unrolling
  let lane = id % LANES;
  let left = id / LANES % TILES * PER;
  let row = id / (LANES * TILES);
  if (row >= u32(N) * OH) {
    return;
  }
  var sums: array<vec4f, PER>;
  if (HAS_BIAS) {
    let bias = b[lane];
    for (var p = 0u; p < PER; p++) {
      sums[p] = bias;
    }
  }
  // Only the rows of the window that lie in the image.
  let top = i32(row % OH) * SH - PH;
  let last = clamp(i32(H) - top, 0, KH);
  for (var kh = max(-top, 0); kh < last; kh++) {
    let at = (row / OH * H + u32(top + kh)) * W * LANES + lane;
    for (var k = 0u; k < min(u32(SW), KW); k++) {
      let count = (u32(KW) - k + SW - 1u) / SW;
      sums = sweep(
        sums,
        Line(at, W, left * SW + k - PW, SW),
        Taps((u32(kh) * KW + k) * LANES + lane, u32(SW) * LANES, count + hidden),
      );
    }
  }
  for (var p = 0u; p < PER; p++) {
    if (left + p < OW) {
      result[(row * OW + left + p) * LANES + lane] = sums[p];
    }
  }
}

@compute @workgroup_size(WG)
fn input_gradient(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  const TILES = ((u32(W) + SW - 1u) / SW + PER - 1u) / PER;
  let id = (wid.y * grid.x + wid.x) * WG + local;
  let hidden = grid.z - 1u; // always 0, but the driver does not know: no unrolling
  let lane = id % LANES;
  // Columns left, left + SW, left + 2 SW and so on.
  let tile = id / LANES % (TILES * SW);
  let left = tile / SW * PER * SW + tile % SW;
  let row = id / (LANES * TILES * SW);
  if (row >= u32(N) * H) {
    return;
  }
  var sums: array<vec4f, PER>;
  // Taps k, k + SW, … of these columns, last one first: then the pixels of dy ascend.
  let k = (left + PW) % SW;
  let count = (max(u32(KW), k) - k + SW - 1u) / SW;
  let first = (left + PW) / SW + 1u - count;
  let column = k + (count - 1u) * SW;
  // Taps top, top + SH, … of this row see rows middle, middle - 1, … of dy.
  let top = (row % H + PH) % SH;
  let middle = (row % H + PH) / SH;
  let last = min((max(u32(KH), top) - top + SH - 1u) / SH, middle + 1u);
  for (var i = max(middle + 1u, u32(OH)) - OH; i < last + hidden; i++) {
    sums = sweep(
      sums,
      Line((row / H * OH + middle - i) * OW * LANES + lane, OW, first, 1u),
      Taps(((top + i * SH) * KW + column) * LANES + lane, 0u - SW * LANES, count + hidden),
    );
  }
  for (var p = 0u; p < PER; p++) {
    if (left + p * SW < W) {
      result[(row * W + left + p * SW) * LANES + lane] = sums[p];
    }
  }
}
