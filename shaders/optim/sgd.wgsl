// Stochastic gradient descent with momentum (PyTorch's form) and L2 weight decay, over one arena shard.
//   g += decay p;  m = MOMENTUM m + g;  p -= lr (NESTEROV ? g + MOMENTUM m : m)
// Prelude: N floats (multiple of 64), MOMENTUM, NESTEROV. Bindings and grid as in adam.wgsl.
@group(0) @binding(0) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> first: array<vec4f>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(3) var<storage, read> blocks: array<vec2f>;
@group(0) @binding(4) var<storage, read> step: array<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= N / 4u) {
    return;
  }
  let slot = blocks[i / 16u];
  if (slot.x == 0.0) {
    return;
  }
  let lr = bitcast<f32>(step[4]) * slot.x;
  let p = parameters[i];
  let g = gradients[i] + slot.y * p;
  let m = MOMENTUM * first[i] + g;
  first[i] = m;
  parameters[i] = p - lr * select(m, g + MOMENTUM * m, NESTEROV);
}
