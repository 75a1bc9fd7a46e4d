// Adam (Kingma and Ba 2015) with optional L2 or decoupled (AdamW) weight decay, over one arena shard.
//   m = B1 m + (1 - B1) g;  v = B2 v + (1 - B2) g²;  p -= lr (m c1) / (sqrt(v c2) + EPSILON)
// with c1 = 1 / (1 - B1^t), c2 = 1 / (1 - B2^t) computed on the host in float64 (step[5], step[6]).
// Prelude: N floats (multiple of 64), B1, B2, EPSILON, DECOUPLED.
// parameters, first, second (moments), gradients: N floats. step: 8 words, lr in [4].
// blocks[i / 64] = (learning-rate scale, weight decay) of the slot the block belongs to.
// One thread handles four floats.
@group(0) @binding(0) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> first: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> second: array<vec4f>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(4) var<storage, read> blocks: array<vec2f>;
@group(0) @binding(5) var<storage, read> step: array<u32>;

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
  // A frozen slot keeps its bits: p - 0 * anything could still turn an infinite moment into NaN.
  if (slot.x == 0.0) {
    return;
  }
  let lr = bitcast<f32>(step[4]) * slot.x;
  let p = parameters[i];
  var g = gradients[i];
  var shrink = 1.0;
  if (DECOUPLED) {
    shrink = 1.0 - lr * slot.y;
  } else {
    g += slot.y * p;
  }
  let m = B1 * first[i] + (1.0 - B1) * g;
  let v = B2 * second[i] + (1.0 - B2) * g * g;
  first[i] = m;
  second[i] = v;
  let c1 = bitcast<f32>(step[5]);
  let c2 = bitcast<f32>(step[6]);
  parameters[i] = p * shrink - lr * (m * c1) / (sqrt(v * c2) + EPSILON);
}
