//! import walk/each, data/batch
// y[b, :] = rows[example of row b, FIRST .. FIRST + WIDTH], zeros for the rows of the batch that do not
// count. rows [n, STRIDE]; order, step: see data/batch; y [B, WIDTH]. One thread an element of y.
// Constants: B rows of the batch, STRIDE floats a stored row, FIRST and WIDTH of the block.
@group(0) @binding(0) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const PER = 1u;
const COUNT = u32(B * WIDTH);

fn each(i: u32) {
  let b = i / u32(WIDTH);
  var value = 0.0;
  if (counts(b)) {
    value = rows[example(b) * u32(STRIDE) + u32(FIRST) + i % u32(WIDTH)];
  }
  y[i] = value;
}
