//! part
//! import product/fetched
//! needs sizes, Piece, Rows, Line, lineA, indexA, insideA, A_ALONG_K
// Reads a, the left factor of a product, four neighbours at a time: four steps of k if A_ALONG_K, else four
// rows.
//
// Gives quadA, four rows at one step of a run (only for neighbouring rows), and fetchA and blockA, which fetch and take
// four rows at four steps of k. Both are 0 where the operand says that a has no element. a's elements lie together in
// whole quads.
// Constants: none.

// Whether quadA gives rows.
const A_QUADS = !A_ALONG_K;

@group(0) @binding(0) var<storage, read> a: array<vec4f>;

fn quadA(line: Line, i: u32) -> vec4f {
  return select(vec4f(), a[indexA(line, i).x / 4u], insideA(line, i).x);
}

// Four rows at one step of k, if it is inside.
fn stepIn(piece: Piece, rows: Rows, k: u32) -> bool {
  return k < piece.end && insideA(lineA(piece, rows, k / sizes.run), k % sizes.run).x;
}

fn stepAt(piece: Piece, rows: Rows, k: u32, inside: bool) -> vec4f {
  return a[select(0u, indexA(lineA(piece, rows, k / sizes.run), k % sizes.run).x / 4u, inside)];
}

fn fetchA(piece: Piece, rows: Rows, k: u32) -> Fetched {
  if (A_ALONG_K) {
    let line = lineA(piece, rows, k / sizes.run);
    let inside = insideA(line, k % sizes.run) & vec4<bool>(k < piece.end);
    let at = select(vec4u(), indexA(line, k % sizes.run) / 4u, inside);
    return Fetched(mat4x4f(a[at.x], a[at.y], a[at.z], a[at.w]), inside);
  }
  let inside = vec4<bool>(
    stepIn(piece, rows, k),
    stepIn(piece, rows, k + 1u),
    stepIn(piece, rows, k + 2u),
    stepIn(piece, rows, k + 3u),
  );
  let numbers = mat4x4f(
    stepAt(piece, rows, k, inside.x),
    stepAt(piece, rows, k + 1u, inside.y),
    stepAt(piece, rows, k + 2u, inside.z),
    stepAt(piece, rows, k + 3u, inside.w),
  );
  return Fetched(numbers, inside);
}

// Columns are steps of k.
fn blockA(fetched: Fetched) -> mat4x4f {
  let columns = fetchedColumns(fetched);
  if (A_ALONG_K) {
    return transpose(columns);
  }
  return columns;
}
