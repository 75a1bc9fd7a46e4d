// Axes in another order: y[i0, i1, i2, i3, i4] = x[i0 S0 + i1 S1 + i2 S2 + i3 S3 + i4 S4].
// x, y: floats. D1 to D4: sizes of y's last four axes; S0 to S4: x's strides of y's axes.
// Prelude: LEN elements, D1 to D4, S0 to S4. One thread for four neighbours of y.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = ((wid.y * groups.x + wid.x) * 64u + local) * 4u;
  let end = min(first + 4u, u32(LEN));
  for (var i = first; i < end; i++) {
    let i3 = i / D4;
    let i2 = i3 / D3;
    let i1 = i2 / D2;
    let i0 = i1 / D1;
    y[i] = x[i0 * S0 + i1 % D1 * S1 + i2 % D2 * S2 + i3 % D3 * S3 + i % D4 * S4];
  }
}
