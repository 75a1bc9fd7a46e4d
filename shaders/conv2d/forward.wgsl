//! part
//! import product/slices, product/b-rows, conv2d/pixels
// Operands of the convolution forward, y = conv(x, w) (+ bias).
//
// y[n, oh, ow, o] = bias[o] + sum over kh, kw, i of x[n, oh SH + kh - PH, ow SW + kw - PW, i] w[kh, kw, i, o]; x
// outside the image counts as zero. a = x [N, H, W, CIN], b = w [KH, KW, CIN, COUT], bias [COUT] (read only if
// HAS_BIAS), c = y [N, OH, OW, COUT]. As a matrix product: rows are output pixels, k runs over (kh, kw, i),
// columns are output channels; the matrix of patches is never stored.
// Needs a core (product/gpu or product/software) and lanes for a, b and c.
// Constants: IMAGES (N), H, W, CIN, OH, OW, COUT, KH, KW, SH, SW (stride), PH, PW (top and left padding), HAS_BIAS,
// SLICES = 1, GRAIN, and those of the core.

const_assert SLICES == 1;

const M = u32(IMAGES) * OH * OW;
const N = u32(COUT);
const K = u32(KH) * KW * CIN;
const BAND = 1u;

const A_SPAN = u32(CIN);
// A run holds the channels under one tap.
const RUN = u32(CIN);

fn rowsOf(piece: Piece, row: u32) -> Rows {
  let p = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(M - 1u));
  let h = p / OW % OH * SH - PH;
  let w = p % OW * SW - PW;
  return Rows(h, w, ((p / (OH * OW) * H + h) * W + w) * CIN);
}

fn lineA(piece: Piece, rows: Rows, tap: u32) -> Line {
  let kh = tap / KW;
  let kw = tap % KW;
  let inside = (rows.h + kh < vec4u(H)) & (rows.w + kw < vec4u(W));
  return lineOf(rows.i + (kh * W + kw) * CIN, inside);
}
