//! part
//! import product/slices, product/b-rows, conv2d/pixels, conv2d/taps
//! needs sizes
// Operands of the convolution forward, y = conv(x, w) (+ bias).
//
// y[n, oh, ow, o] = bias[o] + sum over kh, kw, i of x[n, oh SH + kh - PH, ow SW + kw - PW, i] w[kh, kw, i, o]; x
// outside the image counts as zero. a = x [N, H, W, CIN], b = w [KH, KW, CIN, COUT], bias [COUT] (read only if
// HAS_BIAS), c = y [N, OH, OW, COUT]. As a matrix product: rows are output pixels, k runs over (kh, kw, i), in
// runs of the channels under one tap, columns are output channels; the matrix of patches is never stored.
// Needs a core (product/gpu or product/software), sizes, and lanes for a, b and c; one piece.
// Constants: KH, KW, SH, SW (stride), PH, PW (top and left padding), HAS_BIAS, and those of the core.

const BAND = 1u;

fn rowsOf(piece: Piece, row: u32) -> Rows {
  let p = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(sizes.m - 1u));
  let h = p / sizes.ow % sizes.oh * SH - PH;
  let w = p % sizes.ow * SW - PW;
  return Rows(h, w, ((p / (sizes.oh * sizes.ow) * sizes.h + h) * sizes.w + w) * sizes.cin);
}
