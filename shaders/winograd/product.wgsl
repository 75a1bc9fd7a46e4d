//! part
//! import product/b-rows
//! needs sizes
// Operands of Winograd's products, one for each position p: c_p = op(a_p) b_p, sliced over k where that is long.
//
// a [positions, m, run] ([positions, run, m] if TRANS_A), b [positions, run, n], c [slices, positions, m, n] partial
// sums, or the results if there is one slice. All k = positions run steps are counted through, so that a run of k is
// a position; slices have `sizes.longest` steps but the last.
// Needs a core (product/gpu or product/software), sizes, and lanes for a, b and c.
// Constants: TRANS_A, HAS_BIAS = false, and those of the core.

// Tile rows that a band of workgroups shares.
const BAND = 8u;
// Marks rows that are not stored; here there are none.
const OUTSIDE = 0x80000000u;

const A_ALONG_K = !TRANS_A;

struct Piece {
  begin: u32,
  end: u32,
  index: u32,
}

fn pieceOf(index: u32) -> Piece {
  let positions = sizes.k / sizes.run;
  let first = index % positions * sizes.run;
  let begin = first + index / positions * sizes.longest;
  return Piece(begin, min(first + sizes.run, begin + sizes.longest), index);
}

// Indices of four rows at the first step of a position; rows past the last repeat it and are not stored.
alias Rows = vec4u;
alias Line = vec4u;

fn rowsOf(piece: Piece, row: u32) -> Rows {
  let r = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(sizes.m - 1u));
  return r * select(1u, sizes.run, A_ALONG_K);
}

fn lineA(piece: Piece, rows: Rows, position: u32) -> Line {
  return rows + position * (sizes.m * sizes.run);
}

fn indexA(line: Line, k: u32) -> vec4u {
  return line + k * select(sizes.m, 1u, A_ALONG_K);
}

fn insideA(line: Line, k: u32) -> vec4<bool> {
  return vec4<bool>(true);
}

fn indexC(piece: Piece, row: u32) -> u32 {
  return (piece.index * sizes.m + row) * sizes.n;
}
