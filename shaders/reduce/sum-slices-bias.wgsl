// Sum of partial results plus a bias: y[r, c] = b[c] + sum over s of partial[s, r, c], in the order of s.
// Ends a matrix product that is sliced over k.
//
// partial [SLICES, LEN / C, C], b [C], y [LEN / C, C]. Constants: LEN, C, SLICES. Both tunings.
// Grid: one thread an element of y.

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= LEN) {
    return;
  }
  var sum = b[i % C];
  for (var s = 0u; s < SLICES; s++) {
    sum += partial[s * LEN + i];
  }
  y[i] = sum;
}
