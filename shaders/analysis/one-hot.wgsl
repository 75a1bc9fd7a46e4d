//! import walk/each
// One-hot rows: y[b, c] = 1 where c is the label of row b, else 0.
// labels [B] u32; y [B, C]. Constants: B rows, C classes. One thread an element.
@group(0) @binding(0) var<storage, read> labels: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B) * u32(C);
}

fn each(i: u32) {
  y[i] = select(0.0, 1.0, i % u32(C) == labels[i / u32(C)]);
}
