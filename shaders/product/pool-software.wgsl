//! part
//! import product/pool
//! needs Piece, Place, Sums, VT
// Stores the two windows that eight rows of product/software are. Constants: none.

fn chosen(q: u32, low: mat4x4f, high: mat4x4f) -> mat4x4f {
  let yes = q == 1u;
  return mat4x4f(
    select(low[0], high[0], yes),
    select(low[1], high[1], yes),
    select(low[2], high[2], yes),
    select(low[3], high[3], yes),
  );
}

fn finish(piece: Piece, place: Place, sums: Sums) {
  for (var q = 0u; q < 2u + place.hidden; q++) {
    let row = place.row + 4u * q;
    putWindow(chosen(q, sums.l0, sums.h0), row, place.col);
    if (VT > 1) {
      putWindow(chosen(q, sums.l1, sums.h1), row, place.col + 4u);
    }
    if (VT > 2) {
      putWindow(chosen(q, sums.l2, sums.h2), row, place.col + 8u);
      putWindow(chosen(q, sums.l3, sums.h3), row, place.col + 12u);
    }
  }
}
