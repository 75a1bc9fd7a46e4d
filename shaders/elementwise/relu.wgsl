// ReLU and LeakyReLU: y = x for x > 0, SLOPE x otherwise; dx = dy or SLOPE dy by the sign of y
// (SLOPE >= 0, so y is positive exactly where x is, and x need not be kept).
// Prelude: N elements, SLOPE (0 for ReLU). x, y, dy, dx: N contiguous elements. One thread an element.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> y_kept: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

fn index(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * 64u + local;
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = index(wid, groups, local);
  if (i < N) {
    let v = x[i];
    y[i] = select(v * SLOPE, v, v > 0.0);
  }
}

@compute @workgroup_size(64)
fn backward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = index(wid, groups, local);
  if (i < N) {
    let g = dy[i];
    dx[i] = select(g * SLOPE, g, y_kept[i] > 0.0);
  }
}
