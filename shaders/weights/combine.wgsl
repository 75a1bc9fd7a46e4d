//! import walk/each, walk/quads
// y = a x + b y. Where a + b = 1 that is a point of the line through x and y, and is computed as x + b (y - x):
// b = 0 gives x and b = 1 leaves y, to the bit.
//
// x, y: N contiguous elements, read to the end of the last quad; factors: (a, b, 1 where a + b = 1, 0) of each
// parameter; row: this one's.
// Constants: PER quads a thread.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<storage, read> factors: array<vec4f>;
@group(0) @binding(3) var<uniform> row: u32;

fn each(i: u32) {
  let factor = factors[row];
  if (factor.z == 0.0) {
    y[i] = factor.x * x[i] + factor.y * y[i];
  } else if (factor.y != 1.0) {
    y[i] = x[i] + factor.y * (y[i] - x[i]);
  }
}
