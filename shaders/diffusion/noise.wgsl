//! import walk/each, math/hash, math/normal
// Noisy images of a batch, and the noise to be found: noisy = cos(angle) x + sin(angle) noise, where the angle of an
// example is START + time (END - START), time uniform in [0, 1), noise of the standard normal distribution.
// Both are hashes of counters and the step's seed, drawn again by every replay: element e of the example at place p of the
// order list has the counter p SIZE + e, its time the counter p of another stream.
//
// x, noisy, noise [B, SIZE]; variance [B]: sin(angle)^2; step: see train/next-step, the first place is word 1 and the
// seed word 2. Constants: B, SIZE, START, END. One thread an element.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> noisy: array<f32>;
@group(0) @binding(3) var<storage, read_write> noise: array<f32>;
@group(0) @binding(4) var<storage, read_write> variance: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B * SIZE);
}

fn time_of(place: u32) -> f32 {
  return f32(hash(hash(place) ^ hash(~step[2])) >> 8u) / 16777216.0;
}

fn each(i: u32) {
  let row = i / u32(SIZE);
  let angle = START + time_of(step[1] + row) * (END - START);
  let e = normal(step[1] * u32(SIZE) + i, hash(step[2]));
  noise[i] = e;
  noisy[i] = cos(angle) * x[i] + sin(angle) * e;
  if (i % u32(SIZE) == 0u) {
    variance[row] = sin(angle) * sin(angle);
  }
}
