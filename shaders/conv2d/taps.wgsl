//! part
//! needs sizes, Piece, Rows, Line, lineOf
// The pixels of the input under tap `tap` of four rows that are output pixels, for conv2d/forward and
// conv2d/forward-pooled. Constants: KW.

fn lineA(piece: Piece, rows: Rows, tap: u32) -> Line {
  let kh = tap / KW;
  let kw = tap % KW;
  let inside = (rows.h + kh < vec4u(sizes.h)) & (rows.w + kw < vec4u(sizes.w));
  return lineOf(rows.i + (kh * sizes.w + kw) * sizes.cin, inside);
}
