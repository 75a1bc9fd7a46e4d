//! part
//! import product/slices, product/b-rows
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

const A_ALONG_K = true;
const A_SPAN = u32(CIN);
// A run holds the channels under one tap.
const RUN = u32(CIN);

// First input row and column and index of the patches of four output pixels. What lies left of or above the
// image wraps to large numbers; sums with taps wrap back.
struct Rows {
  h: vec4u,
  w: vec4u,
  i: vec4u,
}

// Index of channel 0 under a tap, 0 if it lies outside.
struct Line {
  i: vec4u,
  inside: vec4<bool>,
}

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
  return Line(select(vec4u(), rows.i + (kh * W + kw) * CIN, inside), inside);
}

fn indexA(line: Line, channel: u32) -> vec4u {
  return line.i + channel;
}

fn insideA(line: Line, channel: u32) -> vec4<bool> {
  return line.inside;
}
