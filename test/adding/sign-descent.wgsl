// Sign descent: p -= lr sign(g + decay p), over one arena shard of N floats; one thread a block of four.
// blocks[i / 64] = (learning-rate scale, weight decay); step[4]: the learning rate.
@group(0) @binding(0) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read> blocks: array<vec2f>;
@group(0) @binding(3) var<storage, read> step: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < N / 4u) {
    let slot = blocks[i / 16u];
    let rate = bitcast<f32>(step[4]) * slot.x;
    let p = parameters[i];
    parameters[i] = p - rate * sign(gradients[i] + slot.y * p);
  }
}
