//! part
//! import product/slices
//! needs sizes
// Operands of the matrix product c = op(a) op(b) (+ bias).
//
// a [m, k] ([k, m] if TRANS_A), b [k, n] ([n, k] if TRANS_B), bias [n] (read only if HAS_BIAS), c [m, n], or
// partial sums c [pieces, m, n] over slices of k if there are several (then without bias).
// Needs a core (product/gpu or product/software), sizes, and lanes for a, b and c.
// Constants: TRANS_A, TRANS_B, HAS_BIAS, and those of the core.

// Tile rows that a band of workgroups shares.
const BAND = 8u;

const A_ALONG_K = !TRANS_A;
const B_ALONG_K = TRANS_B;

// Indices of four rows at step 0; rows past the last repeat it and are not stored.
alias Rows = vec4u;
alias Line = vec4u;

fn rowsOf(piece: Piece, row: u32) -> Rows {
  let r = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(sizes.m - 1u));
  return r * select(1u, sizes.k, A_ALONG_K);
}

fn lineA(piece: Piece, rows: Rows, run: u32) -> Line {
  return rows;
}

fn indexA(line: Line, k: u32) -> vec4u {
  return line + k * select(sizes.m, 1u, A_ALONG_K);
}

fn insideA(line: Line, k: u32) -> vec4<bool> {
  return vec4<bool>(true);
}

fn indexB(piece: Piece, col: u32, k: u32) -> u32 {
  return col * sizes.columnB + k * sizes.stepB;
}
