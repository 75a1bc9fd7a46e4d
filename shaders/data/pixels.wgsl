//! part
//! import data/shard
// The images of a data set, stored as bytes, four to a word. Constants: those of data/shard.
@group(0) @binding(0) var<storage, read> pixels: array<u32>;

// Byte i of the shard.
fn byte(i: u32) -> u32 {
  return (pixels[i / 4u] >> ((i % 4u) * 8u)) & 0xffu;
}
