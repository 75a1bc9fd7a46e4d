//! part
//! import math/hash
// Numbers of the standard normal distribution from a counter: number i of a seed is always the same.
// Box-Muller on two uniforms in (0, 1]. Constants: none.
fn normal(i: u32, seed: u32) -> f32 {
  let first = hash(hash(2u * i) ^ seed);
  let second = hash(hash(2u * i + 1u) ^ seed);
  let u = (f32(first >> 8u) + 1.0) / 16777216.0;
  let v = f32(second >> 8u) / 16777216.0;
  return sqrt(-2.0 * log(u)) * cos(6.283185307 * v);
}
