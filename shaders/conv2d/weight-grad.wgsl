//! part
//! import product/slices, product/b-rows
//! needs sizes
// Operands of the convolution's weight gradient, partial sums over slices of the output pixels.
//
// partial[s, kh, kw, i, o] = sum over the output pixels (n, oh, ow) of slice s of x[n, oh SH + kh - PH, ow SW + kw -
// PW, i] dy[n, oh, ow, o]; x outside the image counts as zero. a = x [N, H, W, CIN], b = dy [N, OH, OW, COUT], c =
// partial [pieces, KH, KW, CIN, COUT]. As a matrix product: rows are (kh, kw, i), k runs over output pixels,
// columns are output channels.
// Needs a core (product/gpu or product/software), sizes, and lanes for a, b and c.
// Constants: KH, KW, SH, SW (stride), PH, PW (top and left padding), HAS_BIAS = false, and those of
// the core.

const BAND = 1u;

const A_ALONG_K = false;

// Taps and channels of four rows: input row, column and index relative to output pixel times stride; above
// and left of it they wrap.
struct Rows {
  h: vec4u,
  w: vec4u,
  i: vec4u,
}

// Input column and index of four rows at output column 0; columns outside the image are large numbers.
struct Line {
  w: vec4u,
  i: vec4u,
}

fn rowsOf(piece: Piece, row: u32) -> Rows {
  let r = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(sizes.m - 1u));
  let tap = r / sizes.cin;
  let h = tap / KW - PH;
  let w = tap % KW - PW;
  return Rows(h, w, (h * sizes.w + w) * sizes.cin + r % sizes.cin);
}

fn lineA(piece: Piece, rows: Rows, outputRow: u32) -> Line {
  let h = outputRow % sizes.oh * SH;
  let w = select(vec4u(OUTSIDE), rows.w, h + rows.h < vec4u(sizes.h));
  return Line(w, (outputRow / sizes.oh * sizes.h + h) * sizes.w * sizes.cin + rows.i);
}

fn indexA(line: Line, ow: u32) -> vec4u {
  return select(vec4u(), line.i + ow * SW * sizes.cin, insideA(line, ow));
}

fn insideA(line: Line, ow: u32) -> vec4<bool> {
  return line.w + ow * SW < vec4u(sizes.w);
}
