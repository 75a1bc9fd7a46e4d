//! part
//! import product/a-steps
//! needs sizes, Line, indexA, insideA, A_ALONG_K
// Reads a, the left factor of a product, four neighbours at a time: four steps of k if A_ALONG_K, else four
// rows.
//
// Gives quadA, four rows at one step of a run (only for neighbouring rows), and blockA, four rows at four
// steps of k. Both are 0 where the operand says that a has no element. a's elements lie together in whole quads.
// Constants: none.

// Whether quadA gives rows.
const A_QUADS = !A_ALONG_K;

@group(0) @binding(0) var<storage, read> a: array<vec4f>;

fn quadA(line: Line, i: u32) -> vec4f {
  return select(vec4f(), a[indexA(line, i).x / 4u], insideA(line, i).x);
}

// Columns are steps of k.
fn blockA(piece: Piece, rows: Rows, k: u32) -> mat4x4f {
  if (!A_ALONG_K) {
    return stepsA(piece, rows, k);
  }
  if (k >= piece.end) {
    return mat4x4f();
  }
  let line = lineA(piece, rows, k / sizes.run);
  let at = indexA(line, k % sizes.run) / 4u;
  let inside = insideA(line, k % sizes.run);
  return transpose(mat4x4f(
    select(vec4f(), a[at.x], inside.x),
    select(vec4f(), a[at.y], inside.y),
    select(vec4f(), a[at.z], inside.z),
    select(vec4f(), a[at.w], inside.w),
  ));
}
