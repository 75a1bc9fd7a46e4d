//! import walk/thread
//! needs Lane, LANES, after
// Depthwise convolution, forward and input gradient: each channel has a window of its own.
//
// forward: y[n, oh, ow, c] = b[c] + sum over kh, kw of x[n, oh SH - PH + kh, ow SW - PW + kw, c]
// w[kh, kw, c]; x outside the image counts as zero.
// input_gradient, as a gather: dx[n, h, i, c] = sum of dy[n, oh, ow, c] w[kh, kw, c] over the taps
// with oh SH + kh = h + PH and ow SW + kw = i + PW.
// x, dx [N, H, W, C]; w [KH, KW, C]; b [C] (read only if HAS_BIAS); y, dy [N, OH, OW, C]; C a multiple
// of LANES.
// `source` is x or dy, `result` is y or dx, with what comes after (shaders/after).
// Constants: N, H, W, C, OH, OW, KH, KW, SH, SW (stride), PH, PW (top and left padding), HAS_BIAS,
// PER = pixels of a row a thread makes, WG = threads a workgroup.
// Grid, folded into x and y: forward ceil(N OH ceil(OW / PER) C / LANES / WG) workgroups,
// input_gradient ceil(N H SW ceil(ceil(W / SW) / PER) C / LANES / WG).
//
// Tuning: both. A thread slides a register window along a row: each tap costs one load of the
// source and one of the weight for PER multiply-adds. Pixels of the source that are SW apart
// (forward), or results that are (input_gradient), meet every SW-th tap only, so the window
// moves by one whatever the stride. Neighbouring threads have neighbouring channels, which GPUs
// coalesce. Software adapters turn a load into a loop over the threads and want long tiles.

@group(0) @binding(0) var<storage, read> source: array<Lane>;
@group(0) @binding(1) var<storage, read> w: array<Lane>;
@group(0) @binding(2) var<storage, read> b: array<Lane>;
@group(0) @binding(3) var<storage, read_write> result: array<Lane>;

const WIDTH = u32(C) / LANES;

const_assert u32(C) % LANES == 0u;
const_assert PER > 0;

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

fn pixel(line: Line, i: u32) -> Lane {
  let column = line.first + i * line.step;
  let inside = column < line.width;
  return select(Lane(), source[select(0u, line.at + column * WIDTH, inside)], inside);
}

// start[p] + sum over j of line(p + j) taps(j).
fn sweep(start: array<Lane, PER>, line: Line, taps: Taps) -> array<Lane, PER> {
  var sums = start;
  var window: array<Lane, PER>;
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
fn forward(thread: Thread) {
  const TILES = (u32(OW) + PER - 1u) / PER;
  let id = group_of(thread) * u32(WG) + thread.local;
  let hidden = thread.groups.z - 1u; // always 0, but the driver does not know: no unrolling
  let lane = id % WIDTH;
  let left = id / WIDTH % TILES * PER;
  let row = id / (WIDTH * TILES);
  if (row >= u32(N) * OH) {
    return;
  }
  var sums: array<Lane, PER>;
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
    let at = (row / OH * H + u32(top + kh)) * W * WIDTH + lane;
    for (var k = 0u; k < min(u32(SW), KW); k++) {
      let count = (u32(KW) - k + SW - 1u) / SW;
      sums = sweep(
        sums,
        Line(at, W, left * SW + k - PW, SW),
        Taps((u32(kh) * KW + k) * WIDTH + lane, u32(SW) * WIDTH, count + hidden),
      );
    }
  }
  for (var p = 0u; p < PER; p++) {
    if (left + p < OW) {
      let at = (row * OW + left + p) * WIDTH + lane;
      result[at] = after(sums[p], at);
    }
  }
}

@compute @workgroup_size(WG)
fn input_gradient(thread: Thread) {
  const TILES = ((u32(W) + SW - 1u) / SW + PER - 1u) / PER;
  let id = group_of(thread) * u32(WG) + thread.local;
  let hidden = thread.groups.z - 1u; // always 0, but the driver does not know: no unrolling
  let lane = id % WIDTH;
  // Columns left, left + SW, left + 2 SW and so on.
  let tile = id / WIDTH % (TILES * SW);
  let left = tile / SW * PER * SW + tile % SW;
  let row = id / (WIDTH * TILES * SW);
  if (row >= u32(N) * H) {
    return;
  }
  var sums: array<Lane, PER>;
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
      Line((row / H * OH + middle - i) * OW * WIDTH + lane, OW, first, 1u),
      Taps(((top + i * SH) * KW + column) * WIDTH + lane, 0u - SW * WIDTH, count + hidden),
    );
  }
  for (var p = 0u; p < PER; p++) {
    if (left + p * SW < W) {
      let at = (row * W + left + p * SW) * WIDTH + lane;
      result[at] = after(sums[p], at);
    }
  }
}
