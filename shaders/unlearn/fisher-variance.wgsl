//! import walk/each
// The variance of Fisher forgetting's noise, without α, in place of what the Fisher information F = v / COUNT is
// the mean of: min(1 / (F + 1e-8), CAP), then the mean over a tensor's input axis in place of each element.
//
// v [OUTER, AXIS, INNER]; AXIS is the input axis, 1 where there is none. Constants: OUTER, AXIS, INNER, COUNT, CAP.
// One thread for each of OUTER · INNER.
// Source: Golatkar, Achille, Soatto (2020), the published code.
@group(0) @binding(0) var<storage, read_write> v: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(OUTER) * u32(INNER);
}

fn each(i: u32) {
  let first = (i / u32(INNER)) * u32(AXIS) * u32(INNER) + i % u32(INNER);
  var sum = 0.0;
  for (var k = 0u; k < u32(AXIS); k++) {
    sum += min(1.0 / (v[first + k * u32(INNER)] / f32(COUNT) + 1e-8), f32(CAP));
  }
  for (var k = 0u; k < u32(AXIS); k++) {
    v[first + k * u32(INNER)] = sum / f32(AXIS);
  }
}
