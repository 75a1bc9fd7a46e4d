// Gradient clipping by global norm (Pascanu, Mikolov and Bengio 2013): g *= min(1, LIMIT / |g|), where
// |g| is taken over the gradients of all parameters that are trained, in all shards of the arena.
//   squares: partial[FIRST + t] = sum of g^2 over the quads t, t + SLICES, ... of a shard; the partial
//     sums of all shards are then added by reduce/axis-sum, in a fixed order.
//   apply: scales a shard; where the norm is within the limit no bit changes.
// blocks[i / 64] = (learning-rate scale, weight decay): what has scale 0 is not trained and not counted.
//
// gradients: N floats (a multiple of 64); partial: all shards' slices; total [1]: |g|^2.
// Prelude: N, SLICES, FIRST, LIMIT. Grid, one thread each: squares SLICES; apply N / 4. Both tunings.
@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read> blocks: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;
@group(0) @binding(3) var<storage, read> total: array<f32>;
@group(0) @binding(4) var<storage, read_write> clipped: array<vec4f>;

const QUADS = u32(N) / 4u;

fn index(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * 64u + local;
}

@compute @workgroup_size(64)
fn squares(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let t = index(wid, groups, local);
  if (t >= u32(SLICES)) {
    return;
  }
  var sum = vec4f();
  for (var i = t; i < QUADS; i += u32(SLICES)) {
    let g = gradients[i];
    sum += select(g * g, vec4f(), blocks[i / 16u].x == 0.0);
  }
  partial[u32(FIRST) + t] = dot(sum, vec4f(1.0));
}

@compute @workgroup_size(64)
fn apply(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = index(wid, groups, local);
  let norm = sqrt(total[0]);
  if (i >= QUADS || !(norm > f32(LIMIT))) {
    return;
  }
  clipped[i] *= f32(LIMIT) / norm;
}
