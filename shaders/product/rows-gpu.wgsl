//! part
//! needs Piece, sizes, HAS_BIAS, biasQuad, indexC, OUTSIDE, store
// Stores four rows of results of product/gpu with their bias. Constants: none.

fn putRow(piece: Piece, row: u32, col: u32, value: vec4f) {
  let i = indexC(piece, row);
  if (row >= sizes.m || i == OUTSIDE) {
    return;
  }
  if (HAS_BIAS) {
    store(i, col, value + biasQuad(col));
  } else {
    store(i, col, value);
  }
}

fn put(piece: Piece, s: mat4x4f, row: u32, col: u32) {
  putRow(piece, row, col, s[0]);
  putRow(piece, row + 1u, col, s[1]);
  putRow(piece, row + 2u, col, s[2]);
  putRow(piece, row + 3u, col, s[3]);
}
