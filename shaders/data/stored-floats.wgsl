//! part
//! import data/shard
// Values stored as floats. Constants: those of data/shard.
@group(0) @binding(0) var<storage, read> pixels: array<f32>;

fn stored(i: u32) -> f32 {
  return pixels[i];
}
