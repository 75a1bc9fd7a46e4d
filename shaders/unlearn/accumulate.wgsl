// Sums over batches. add: y += rows * g, where g is the gradient of a batch's mean loss: the gradient of
// the sum. square: y += g * g, for batches of one example.
//
// y, g: N contiguous elements; step: the current row of the step table (its first word is the rows).
// Prelude: N elements, PER quads a thread.
@group(0) @binding(0) var<storage, read> g: array<vec4f>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn add(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let rows = f32(step[0]);
  for (var k = 0u; k < PER; k++) {
    let i = (wid.y * groups.x + wid.x) * (64u * PER) + 64u * k + local;
    if (i < (u32(N) + 3u) / 4u) {
      y[i] += rows * g[i];
    }
  }
}

@compute @workgroup_size(64)
fn square(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = (wid.y * groups.x + wid.x) * (64u * PER) + 64u * k + local;
    if (i < (u32(N) + 3u) / 4u) {
      y[i] += g[i] * g[i];
    }
  }
}
