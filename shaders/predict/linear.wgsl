// Linear extrapolation, the baseline of every learned predictor:
//   residual = -HORIZON (newest - oldest) / (WINDOW - 1); predicted = base + residual.
// Prelude: WINDOW, HORIZON (epochs back; negative looks forward), BASE (0 oldest, 1 newest, 2 none).
// history: WINDOW slices of `stride` floats, oldest first; predicted[outFirst + i]. One thread a coordinate.
struct Range {
  first: u32,
  count: u32,
  stride: u32,
  outFirst: u32,
}

@group(0) @binding(0) var<storage, read> history: array<f32>;
@group(0) @binding(1) var<storage, read_write> predicted: array<f32>;
@group(0) @binding(2) var<uniform> range: Range;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= range.count) {
    return;
  }
  let at = range.first + i;
  let oldest = history[at];
  let newest = history[u32(WINDOW - 1) * range.stride + at];
  var base = 0.0;
  if (BASE == 0) {
    base = oldest;
  } else if (BASE == 1) {
    base = newest;
  }
  predicted[range.outFirst + i] = base - f32(HORIZON) * (newest - oldest) / f32(WINDOW - 1);
}
