//! import walk/each, data/batch
// Labels and row weights of a batch: weights[b] = 1 / rows for the rows that count, 0 for the rest.
// all: one label an image; order, step: see data/batch. labels [B], weights [B].
// Constants: B. One thread a row.
@group(0) @binding(0) var<storage, read> all: array<u32>;
@group(0) @binding(3) var<storage, read_write> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B);
}

fn each(row: u32) {
  var label = 0u;
  var weight = 0.0;
  if (counts(row)) {
    label = all[example(row)];
    weight = 1.0 / f32(step[0]);
  }
  labels[row] = label;
  weights[row] = weight;
}
