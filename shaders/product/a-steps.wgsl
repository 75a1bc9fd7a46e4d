//! part
//! needs Piece, Rows, sizes, lineA, quadA
// Four rows of a, the left factor of a product, at steps of k: 0 past the last step. Constants: none.

fn stepA(piece: Piece, rows: Rows, k: u32) -> vec4f {
  var v = vec4f();
  if (k < piece.end) {
    v = quadA(lineA(piece, rows, k / sizes.run), k % sizes.run);
  }
  return v;
}

// Columns are steps of k.
fn stepsA(piece: Piece, rows: Rows, k: u32) -> mat4x4f {
  return mat4x4f(
    stepA(piece, rows, k),
    stepA(piece, rows, k + 1u),
    stepA(piece, rows, k + 2u),
    stepA(piece, rows, k + 3u),
  );
}
