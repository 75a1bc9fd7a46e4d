// Column sums in two stages, first stage: partial[s, c] = sum over the rows of slice s of x[row,
// c].
//
// x [ROWS, C], partial [SLICES, C]; reduce/sum-slices adds the slices in a fixed order. Bias
// gradients.
// Constants: ROWS, C, SLICES; WG = lanes a workgroup. One lane per (slice, column).
// Grid: ceil(C SLICES / WG) workgroups, folded into x and y.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> partial: array<f32>;

const SLICE_ROWS = (u32(ROWS) + SLICES - 1u) / SLICES;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = (wid.y * grid.x + wid.x) * WG + lane;
  let slice = min(id / C, SLICES - 1u);
  let last = min(u32(ROWS), slice * SLICE_ROWS + SLICE_ROWS);
  var sum = 0.0;
  for (var row = slice * SLICE_ROWS; row < last; row++) {
    sum += x[row * C + id % C];
  }
  if (id < C * SLICES) {
    partial[id] = sum;
  }
}
