//! part
//! needs M, N, K
// Pieces of a product that are slices of k.
//
// Piece s makes row m of c at (s M + m) N: the result [M, N] if SLICES is 1, else partial sums [SLICES, M, N].
// Constants: SLICES; GRAIN = steps of k that stay together: every slice begins at a multiple of it.

const PIECES = u32(SLICES);
const SLICE_K = (u32(K) + GRAIN * SLICES - 1u) / (GRAIN * SLICES) * GRAIN;
// Steps of k in the longest piece.
const LONGEST = SLICE_K;
// Marks rows that are not stored; here there are none.
const OUTSIDE = 0x80000000u;

struct Piece {
  begin: u32,
  end: u32,
  slice: u32,
}

fn pieceOf(slice: u32) -> Piece {
  return Piece(slice * SLICE_K, min(u32(K), slice * SLICE_K + SLICE_K), slice);
}

fn indexC(piece: Piece, row: u32) -> u32 {
  return (piece.slice * M + row) * N;
}
