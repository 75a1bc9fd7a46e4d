//! import walk/each, walk/quads
// Sums over batches: y += rows * g, where g is the gradient of a batch's mean loss: the gradient of the sum.
// Where SQUARES, y += g * g, for batches of one example; `step` is unused then.
//
// y, g: N contiguous elements; step: the current row of the step table (its first word is the rows).
// Constants: PER quads a thread, SQUARES (boolean).
@group(0) @binding(0) var<storage, read> g: array<vec4f>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

fn each(i: u32) {
  if (SQUARES) {
    y[i] += g[i] * g[i];
  } else {
    y[i] += f32(step[0]) * g[i];
  }
}
