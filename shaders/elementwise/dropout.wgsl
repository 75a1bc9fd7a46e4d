//! import walk/each, walk/quads, math/hash
// Dropout (Srivastava et al. 2014) and, over whole examples, stochastic depth (Huang et al. 2016):
// y = x scale where kept, 0 where dropped. The derivative is the same kernel on dy: the mask comes
// from a counter, so it is computed again instead of stored.
// Element (or example) c is dropped where hash(hash(c ^ a) + b) < threshold, with a = hash(seed + salt)
// and b = hash(a ^ seed), in integers: every adapter draws the same mask.
//
// x, y: N contiguous elements; step: see train/next-step.wgsl, the seed is word 2. Constants: PER quads a thread,
// EXAMPLES (boolean). The rest stands in a uniform, so that one kernel serves all layers.
struct Draw {
  // Elements of an example.
  group: u32,
  salt: u32,
  threshold: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(8) var<uniform> draw: Draw;

fn each(i: u32) {
  let seed = vec4u(step[2]);
  let a = hash4(seed + vec4u(draw.salt));
  let b = hash4(a ^ seed);
  var counter = 4u * i + vec4u(0u, 1u, 2u, 3u);
  if (EXAMPLES) {
    counter /= vec4u(draw.group);
  }
  let kept = hash4(hash4(counter ^ a) + b) >= vec4u(draw.threshold);
  y[i] = within(select(vec4f(), x[i] * draw.scale, kept), i);
}
