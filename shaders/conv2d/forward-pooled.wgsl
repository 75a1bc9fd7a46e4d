//! part
//! import product/slices, product/b-rows, conv2d/pixels, conv2d/taps
//! needs sizes
// Operands of the convolution forward with a pooling of 2 x 2 after it, whose windows tile the image.
//
// As conv2d/forward, but rows are the output pixels window by window: row 4 w + t is pixel t, in row-major order, of
// window w; OH and OW are even. c [N, OH / 2, OW / 2, COUT]. Needs product/pool-gpu or product/pool-software besides.
// Constants: KH, KW, SH, SW, PH, PW and HAS_BIAS, as there, and those of the core.

const BAND = 1u;

fn rowsOf(piece: Piece, row: u32) -> Rows {
  let window = min(row, sizes.m - 1u) / 4u;
  let high = sizes.oh / 2u;
  let wide = sizes.ow / 2u;
  let h = (2u * (window / wide % high) + vec4u(0u, 0u, 1u, 1u)) * SH - PH;
  let w = (2u * (window % wide) + vec4u(0u, 1u, 0u, 1u)) * SW - PW;
  return Rows(h, w, ((window / (high * wide) * sizes.h + h) * sizes.w + w) * sizes.cin);
}
