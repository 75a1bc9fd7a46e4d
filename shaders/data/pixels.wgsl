//! part
//! import data/batch
// The images of a data set, stored as bytes, four to a word. A data set larger than a binding is stored in
// shards: FIRST is the first image of this one. Constants: FIRST and COUNT (images of this shard).
@group(0) @binding(0) var<storage, read> pixels: array<u32>;

// Byte i of the shard.
fn byte(i: u32) -> u32 {
  return (pixels[i / 4u] >> ((i % 4u) * 8u)) & 0xffu;
}

// What `image_of` gives for a row without an image here.
const ELSEWHERE = 0xffffffffu;

// The image of row b as its number in the shard; ELSEWHERE if the shard does not hold it or b is padding.
fn image_of(b: u32) -> u32 {
  if (!counts(b)) {
    return ELSEWHERE;
  }
  let number = example(b);
  return select(ELSEWHERE, number - u32(FIRST), number >= u32(FIRST) && number < u32(FIRST + COUNT));
}
