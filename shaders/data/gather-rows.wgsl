//! import walk/each, data/batch
// y[b, :] = rows[example of row b, first .. first + width], zeros for the rows of the batch that do not
// count. rows [n, stride]; order, step: see data/batch; y [batch, width]. One thread an element of y.
// Constants: none. Sizes stand in a uniform, so that one kernel serves all blocks.
struct Place {
  batch: u32,
  stride: u32,
  first: u32,
  width: u32,
}

@group(0) @binding(0) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<uniform> place: Place;

const PER = 1u;

fn items() -> u32 {
  return place.batch * place.width;
}

fn each(i: u32) {
  let b = i / place.width;
  var value = 0.0;
  if (counts(b)) {
    value = rows[example(b) * place.stride + place.first + i % place.width];
  }
  y[i] = value;
}
