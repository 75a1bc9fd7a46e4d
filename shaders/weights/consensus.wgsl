//! import walk/each, walk/quads
// What several moves from x agree on: y is where one of them ends. sum becomes sum + (y - x) where the move has the
// sign of the sum, and 0, which it stays, where it has not; FIRST: y - x. Then y is put back to x.
//
// x, y, sum: N contiguous elements, read to the end of the last quad. Constants: PER quads a thread, FIRST.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> sum: array<vec4f>;

fn each(i: u32) {
  let moved = y[i] - x[i];
  if (FIRST) {
    sum[i] = moved;
  } else {
    sum[i] = select(vec4f(), sum[i] + moved, sign(sum[i]) == sign(moved));
  }
  y[i] = x[i];
}
