//! part
//! import product/a-steps, product/fetched
//! needs Line, indexA, insideA
// Reads a, the left factor of a product, one element at a time.
//
// Gives quadA, four rows at one step of a run, and fetchA and blockA, which fetch and take four rows at four steps of k.
// Both are 0 where the operand says that a has no element. Constants: none.

// quadA gives rows.
const A_QUADS = true;

@group(0) @binding(0) var<storage, read> a: array<f32>;

fn quadA(line: Line, i: u32) -> vec4f {
  let at = indexA(line, i);
  return select(vec4f(), vec4f(a[at.x], a[at.y], a[at.z], a[at.w]), insideA(line, i));
}

fn fetchA(piece: Piece, rows: Rows, k: u32) -> Fetched {
  return Fetched(stepsA(piece, rows, k), vec4<bool>(true));
}

// Columns are steps of k.
fn blockA(fetched: Fetched) -> mat4x4f {
  return fetched.numbers;
}
