// Sum of partial results: out[i] = sum over s of partial[s LEN + i], in the order of s.
//
// partial [SLICES, LEN], out [LEN]. Constants: LEN, SLICES; WG = lanes a workgroup.
// Grid: ceil(LEN / WG) workgroups, folded into x and y.

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (wid.y * grid.x + wid.x) * WG + lane;
  let at = min(i, LEN - 1u);
  var sum = 0.0;
  for (var s = 0u; s < SLICES; s++) {
    sum += partial[s * LEN + at];
  }
  if (i < LEN) {
    out[i] = sum;
  }
}
