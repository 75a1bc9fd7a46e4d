//! part
//! import lane/vec4f
//! needs Piece, sizes, HAS_BIAS, biasQuad, indexC, OUTSIDE, store, after
// Stores four rows of results of product/gpu with their bias and what comes after (shaders/after). Constants: none.

fn putRow(piece: Piece, row: u32, col: u32, value: vec4f) {
  let i = indexC(piece, row);
  if (row >= sizes.m || i == OUTSIDE) {
    return;
  }
  if (HAS_BIAS) {
    store(i, col, after(value + biasQuad(col)));
  } else {
    store(i, col, after(value));
  }
}

fn put(piece: Piece, s: mat4x4f, row: u32, col: u32) {
  putRow(piece, row, col, s[0]);
  putRow(piece, row + 1u, col, s[1]);
  putRow(piece, row + 2u, col, s[2]);
  putRow(piece, row + 3u, col, s[3]);
}
