//! part
//! needs sizes, Piece
// The right factor of a product stored as it is multiplied: b [k, n].
//
// Gives indexB, the index of column `col` at step k. Constants: none.

const B_ALONG_K = false;

fn indexB(piece: Piece, col: u32, k: u32) -> u32 {
  return k * sizes.n + col;
}
