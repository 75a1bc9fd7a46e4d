//! import walk/each, math/normal
// The noise that sampling starts from: x[b, e] is number (first + b) SIZE + e of the standard normal distribution for a
// seed, so that an image has the same noise wherever it stands in a batch.
// x [B, SIZE]; step: word 0 is `first`, word 1 the seed. Constants: B, SIZE. One thread an element.
@group(0) @binding(0) var<storage, read> step: array<u32>;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B * SIZE);
}

fn each(i: u32) {
  x[i] = normal(step[0] * u32(SIZE) + i, hash(step[1]));
}
