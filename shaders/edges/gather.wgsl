//! import edges/rows
// Rows by number: y[e, :] = x[node[e], :].
// x [nodes, WIDTH], node [ROWS], y [ROWS, WIDTH]. Constants: ROWS edges, WIDTH.
@group(0) @binding(2) var<storage, read> node: array<u32>;

fn each(i: u32) {
  y[i] = quad(node[row_of(i)], i);
}
