//! import edges/rows
// Sums of the rows of each node: y[n, :] = sum of x[order[j], :] over j = starts[n] … starts[n + 1] - 1, in
// this order, so that the same input gives the same bits.
// x [edges, WIDTH], starts [ROWS + 1], order [edges], y [ROWS, WIDTH]. Constants: ROWS nodes, WIDTH.
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;

fn each(i: u32) {
  let n = row_of(i);
  let end = starts[n + 1u];
  var sum = vec4f();
  for (var j = starts[n]; j < end; j++) {
    sum += quad(order[j], i);
  }
  y[i] = sum;
}
