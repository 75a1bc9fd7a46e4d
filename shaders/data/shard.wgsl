//! part
//! import data/batch
// Which images of a batch a shard holds. A data set larger than a binding is stored in shards: FIRST is the
// first image of this one. Constants: FIRST and COUNT (images of this shard).

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
