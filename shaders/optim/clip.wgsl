//! import walk/thread
// Gradient clipping by global norm (Pascanu, Mikolov and Bengio 2013): g *= min(1, LIMIT / |g|), where
// |g| is taken over the gradients of all parameters that are trained, in all shards of the arena.
//   squares: partial[FIRST + t] = sum of g^2 over the quads t, t + SLICES, ... of a shard; the partial
//     sums of all shards are then added by reduce/axis-sum, in a fixed order.
//   apply: scales a shard; where the norm is within the limit no bit changes.
// blocks[i / 64] = (learning-rate scale, weight decay): what has scale 0 is not trained and not counted.
//
// gradients: N floats (a multiple of 64); partial: all shards' slices; total [1]: |g|^2.
// Constants: N, SLICES, FIRST, LIMIT. Grid, one thread each: squares SLICES; apply N / 4.
@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read> blocks: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;
@group(0) @binding(3) var<storage, read> total: array<f32>;
@group(0) @binding(4) var<storage, read_write> clipped: array<vec4f>;

const QUADS = u32(N) / 4u;

@compute @workgroup_size(64)
fn squares(thread: Thread) {
  let t = number_of(thread);
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
fn apply(thread: Thread) {
  let i = number_of(thread);
  let norm = sqrt(total[0]);
  if (i < QUADS && norm > f32(LIMIT)) {
    clipped[i] *= f32(LIMIT) / norm;
  }
}
