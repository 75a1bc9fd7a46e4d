//! import walk/thread
//! needs stored, image_of, ELSEWHERE, counts
// Gathers a batch of images in any number of channels and normalises them.
//   x[b, i] = (stored[image, i] - mean[i]) / deviation[i mod C]
// There is one dispatch a shard of the data set, each writing the rows whose image it holds. Rows that do
// not count are written as zeros by the first shard's dispatch.
// The part chosen says how values are stored: data/stored-bytes or data/stored-floats.
// Constants: B, SIZE (values of an image), C, those of data/shard (FIRST is used here, too).
// pixels [images, SIZE]; normalisation: mean [SIZE], then deviation [C]; x [B, SIZE]. One thread a value of x.
@group(0) @binding(3) var<storage, read> normalisation: array<f32>;
@group(0) @binding(4) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(thread: Thread) {
  let i = number_of(thread);
  if (i >= u32(B * SIZE)) {
    return;
  }
  let row = i / u32(SIZE);
  let at = i % u32(SIZE);
  if (!counts(row)) {
    if (FIRST == 0) {
      x[i] = 0.0;
    }
    return;
  }
  let image = image_of(row);
  if (image != ELSEWHERE) {
    let value = stored(image * u32(SIZE) + at);
    x[i] = (value - normalisation[at]) / normalisation[u32(SIZE) + at % u32(C)];
  }
}
