//! import walk/each, math/normal
// A step of sampling: from images x = signal image + noise e, with e as the network found it, to images with less noise:
//   image = (x - noise e) / signal;  x = next image + along e + fresh z
// where z is drawn anew, from the counters of diffusion/start and the step's seed. DDIM (Song, Meng and Ermon 2021) has
// fresh = 0 and along the next share of noise; the ancestral sampler of DDPM (Ho, Jain and Abbeel 2020) divides that share
// between the two.
//
// x, e [B, SIZE]; step: word 0 the number of the first image, 1 the seed, 2 to 6 (f32 bits) signal, noise, next, along,
// fresh. Constants: B, SIZE. One thread an element.
@group(0) @binding(0) var<storage, read> step: array<u32>;
@group(0) @binding(1) var<storage, read> e: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B * SIZE);
}

fn word(i: u32) -> f32 {
  return bitcast<f32>(step[i]);
}

fn each(i: u32) {
  let image = (x[i] - word(3u) * e[i]) / word(2u);
  var y = word(4u) * image + word(5u) * e[i];
  if (word(6u) > 0.0) {
    y += word(6u) * normal(step[0] * u32(SIZE) + i, hash(step[1]));
  }
  x[i] = y;
}
