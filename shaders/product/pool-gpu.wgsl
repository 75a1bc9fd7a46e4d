//! part
//! import product/pool
//! needs Piece, HAS_BIAS, biasQuad
// Stores the window that four rows of product/gpu are, with their bias. Constants: none.

fn put(piece: Piece, s: mat4x4f, row: u32, col: u32) {
  var window = s;
  if (HAS_BIAS) {
    let bias = biasQuad(col);
    window = mat4x4f(s[0] + bias, s[1] + bias, s[2] + bias, s[3] + bias);
  }
  putWindow(window, row, col);
}
