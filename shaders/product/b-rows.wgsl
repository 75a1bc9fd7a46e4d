//! part
//! needs N, Piece
// The right factor of a product stored as it is multiplied: b [K, N].
//
// Gives indexB, the index of column `col` at step k, its step B_K along k and B_COLUMN along columns, and B_SPAN,
// the number of elements that lie together. Constants: none.

const B_SPAN = N;
const B_K = N;
const B_COLUMN = 1u;

fn indexB(piece: Piece, col: u32, k: u32) -> u32 {
  return k * N + col;
}
