//! import walk/each
// The variance of the noise in the images of a step, which is the same for all: variance[b] = noise^2.
// variance [B]; step: see diffusion/denoise. Constants: B. One thread an image.
@group(0) @binding(0) var<storage, read> step: array<u32>;
@group(0) @binding(1) var<storage, read_write> variance: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B);
}

fn each(b: u32) {
  let rate = bitcast<f32>(step[3]);
  variance[b] = rate * rate;
}
