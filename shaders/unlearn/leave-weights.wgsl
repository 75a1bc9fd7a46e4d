//! import walk/each, data/batch
// Weights of rows that are to be remembered, and of those to be forgotten: y = LEAVE w where the row's example is
// marked, KEEP w where it is not, and 0 for padding.
//
// w, y [B]; marks: 1 for an example of D_f, u32; order, step: see data/batch. Constants: B rows, KEEP, LEAVE. One
// thread a row.
@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> marks: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B);
}

fn each(b: u32) {
  var weight = 0.0;
  if (counts(b)) {
    weight = w[b] * select(f32(KEEP), f32(LEAVE), marks[example(b)] == 1u);
  }
  y[b] = weight;
}
