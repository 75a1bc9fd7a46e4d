//! part
//! import math/hash
// Dropout (Srivastava et al. 2014) and, over whole examples, stochastic depth (Huang et al. 2016): v scale where
// kept, 0 where dropped.
// Element (or example) c is dropped where hash(hash(c ^ a) + b) < threshold, with a = hash(seed + salt)
// and b = hash(a ^ seed), in integers: every adapter draws the same mask.
// Gives Draw; drop(v, quad, seed, draw) of elements 4 quad to 4 quad + 3. Constants: EXAMPLES (boolean).
struct Draw {
  // Elements of an example.
  group: u32,
  salt: u32,
  threshold: u32,
  scale: f32,
}

fn drop(v: vec4f, quad: u32, seed: u32, draw: Draw) -> vec4f {
  let a = hash4(vec4u(seed) + vec4u(draw.salt));
  let b = hash4(a ^ vec4u(seed));
  var counter = 4u * quad + vec4u(0u, 1u, 2u, 3u);
  if (EXAMPLES) {
    counter /= vec4u(draw.group);
  }
  let kept = hash4(hash4(counter ^ a) + b) >= vec4u(draw.threshold);
  return select(vec4f(), v * draw.scale, kept);
}
