//! part
//! needs Piece, Place, Sums, VT, sizes, indexC, OUTSIDE, store
// Stores the results of a lane of product/software row by row. Constants: none.

// The r-th of eight rows: lets one loop store all rows, which keeps the code small.
fn pick(r: u32, low: mat4x4f, high: mat4x4f) -> vec4f {
  let l = select(select(low[0], low[1], r == 1u), select(low[2], low[3], r == 3u), r > 1u);
  let h = select(select(high[0], high[1], r == 5u), select(high[2], high[3], r == 7u), r > 5u);
  return select(l, h, r > 3u);
}

fn finish(piece: Piece, place: Place, sums: Sums) {
  for (var r = 0u; r < 8u + place.hidden; r++) {
    let i = indexC(piece, place.row + r);
    if (place.row + r < sizes.m && i != OUTSIDE) {
      store(i, place.col, pick(r, sums.l0, sums.h0));
      if (VT > 1) {
        store(i, place.col + 4u, pick(r, sums.l1, sums.h1));
      }
      if (VT > 2) {
        store(i, place.col + 8u, pick(r, sums.l2, sums.h2));
        store(i, place.col + 12u, pick(r, sums.l3, sums.h3));
      }
    }
  }
}
