//! part
//! import product/slices
// Operands of the matrix product c = op(a) op(b) (+ bias).
//
// a [M, K] ([K, M] if TRANS_A), b [K, N] ([N, K] if TRANS_B), bias [N] (read only if HAS_BIAS), c [M, N], or
// partial sums c [SLICES, M, N] over slices of k if SLICES > 1 (then without bias).
// Needs a core (product/gpu or product/software) and lanes for a, b and c.
// Constants: M, N, K, TRANS_A, TRANS_B, HAS_BIAS, SLICES, GRAIN, and those of the core.

const_assert SLICES == 1 || !HAS_BIAS;

// Tile rows that a band of workgroups shares.
const BAND = 8u;

const A_ALONG_K = !TRANS_A;
const A_SPAN = select(u32(M), u32(K), A_ALONG_K);
const A_K = select(u32(M), 1u, A_ALONG_K);
// One run holds all steps of k.
const RUN = 0x80000000u;

// Indices of four rows at step 0; rows past the last repeat it and are not stored.
alias Rows = vec4u;
alias Line = vec4u;

fn rowsOf(piece: Piece, row: u32) -> Rows {
  let r = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(u32(M) - 1u));
  return r * select(1u, u32(K), A_ALONG_K);
}

fn lineA(piece: Piece, rows: Rows, run: u32) -> Line {
  return rows;
}

fn indexA(line: Line, k: u32) -> vec4u {
  return line + k * A_K;
}

fn insideA(line: Line, k: u32) -> vec4<bool> {
  return vec4<bool>(true);
}

const B_SPAN = select(u32(N), u32(K), TRANS_B);
const B_K = select(u32(N), 1u, TRANS_B);
const B_COLUMN = select(1u, u32(K), TRANS_B);

fn indexB(piece: Piece, col: u32, k: u32) -> u32 {
  return col * B_COLUMN + k * B_K;
}
