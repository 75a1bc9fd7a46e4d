//! part
//! import conv2d/pixels
//! needs sizes
// Operands of the convolution's input gradient, gather form.
//
// dx[n, h, v, i] = sum over kh, kw, o of dy[n, oh, ow, o] w[kh, kw, i, o], over the taps for which h + PH - kh =
// oh SH and v + PW - kw = ow SW with oh, ow inside dy. Every element of dx is written. a = dy [N, OH, OW, COUT], b =
// w [KH, KW, CIN, COUT], c = dx [N, H, W, CIN].
// With a stride, pixels fall into SH SW classes by the remainder of h + PH and v + PW; within a class all pixels
// use the same taps (kh = remainder + SH a), so each class is a dense product without wasted work: rows are its
// pixels, k runs over (a, b, o), columns are input channels.
// Needs a core (product/gpu or product/software), sizes, and lanes for a, b and c.
// Constants: KH, KW, SH, SW (stride), PH, PW (top and left padding), HAS_BIAS = false, and those of
// the core.

const BAND = 1u;
// No image is that large: marks rows that have no pixel.
const OUTSIDE = 0x80000000u;

// One class: its steps of k, its remainders, its number of taps a row, and h / SH, v / SW of its first pixel.
struct Piece {
  begin: u32,
  end: u32,
  h: u32,
  w: u32,
  taps: u32,
  firstH: u32,
  firstW: u32,
}

fn pieceOf(index: u32) -> Piece {
  let h = index / SW;
  let w = index % SW;
  let taps = (u32(KW) + SW - 1u - w) / SW;
  let end = (u32(KH) + SH - 1u - h) / SH * taps * sizes.cout;
  return Piece(0u, end, h, w, taps, (u32(PH) + SH - 1u - h) / SH, (u32(PW) + SW - 1u - w) / SW);
}

fn rowsOf(piece: Piece, row: u32) -> Rows {
  let p = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(sizes.m - 1u));
  let h = p / sizes.classW % sizes.classH + piece.firstH;
  let w = p % sizes.classW + piece.firstW;
  return Rows(h, w, ((p / (sizes.classH * sizes.classW) * sizes.oh + h) * sizes.ow + w) * sizes.cout);
}

fn lineA(piece: Piece, rows: Rows, tap: u32) -> Line {
  let h = tap / piece.taps;
  let w = tap % piece.taps;
  let inside = (rows.h - h < vec4u(sizes.oh)) & (rows.w - w < vec4u(sizes.ow));
  return lineOf(rows.i - (h * sizes.ow + w) * sizes.cout, inside);
}

const B_ALONG_K = true;

fn indexB(piece: Piece, col: u32, k: u32) -> u32 {
  let tap = k / sizes.cout;
  let kh = piece.h + tap / piece.taps * SH;
  let kw = piece.w + tap % piece.taps * SW;
  return ((kh * KW + kw) * sizes.cin + col) * sizes.cout + k % sizes.cout;
}

// Index of the input pixel of a row of the class.
fn indexC(piece: Piece, row: u32) -> u32 {
  // Above the image the difference wraps; the first pixel of a class lies inside, so none does.
  let h = (row / sizes.classW % sizes.classH + piece.firstH) * SH + piece.h - PH;
  let w = (row % sizes.classW + piece.firstW) * SW + piece.w - PW;
  let i = ((row / (sizes.classH * sizes.classW) * sizes.h + h) * sizes.w + w) * sizes.cin;
  return select(OUTSIDE, i, h < sizes.h && w < sizes.w);
}
