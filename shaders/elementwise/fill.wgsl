//! import walk/each
// y[i] = VALUE. y: N floats. Constants: N, VALUE. One thread an element.
@group(0) @binding(0) var<storage, read_write> y: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(N);
}

fn each(i: u32) {
  y[i] = VALUE;
}
