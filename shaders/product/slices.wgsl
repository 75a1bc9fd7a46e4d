//! part
//! needs sizes
// Pieces of a product that are slices of k, each of `sizes.longest` steps but the last.
//
// Piece s makes row m of c at (s sizes.m + m) sizes.n: the result [m, n] if there is one piece, else partial sums
// [pieces, m, n]. Constants: none.

// Marks rows that are not stored; here there are none.
const OUTSIDE = 0x80000000u;

struct Piece {
  begin: u32,
  end: u32,
  slice: u32,
}

fn pieceOf(slice: u32) -> Piece {
  let begin = slice * sizes.longest;
  return Piece(begin, min(sizes.k, begin + sizes.longest), slice);
}

fn indexC(piece: Piece, row: u32) -> u32 {
  return (piece.slice * sizes.m + row) * sizes.n;
}
