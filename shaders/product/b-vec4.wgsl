//! part
//! import product/fetched
//! needs sizes, Piece, indexB, B_ALONG_K
// Reads b, the right factor of a product, four neighbours at a time: four steps of k if B_ALONG_K, else four
// columns.
//
// Gives quadB, the q-th four columns from index `at` on (only for neighbouring columns), and fetchB and blockB, which fetch
// and take four columns at four steps of k, 0 past the last column and step. LANES_B = elements an index steps over.
// b's elements and columns lie together in whole quads. Constants: none.

const LANES_B = 4u;
// Whether quadB gives columns.
const B_QUADS = !B_ALONG_K;

@group(0) @binding(1) var<storage, read> b: array<vec4f>;

fn quadB(at: u32, q: u32) -> vec4f {
  return b[at + q];
}

fn fetchB(piece: Piece, col: u32, k: u32) -> Fetched {
  let first = indexB(piece, col, k) / 4u;
  let end = select(0u, piece.end, col < sizes.n);
  let step = select(sizes.stepB, sizes.columnB, B_ALONG_K) / 4u;
  let far = select(vec4u(k, k + 1u, k + 2u, k + 3u), vec4u(k), B_ALONG_K);
  let inside = far < vec4u(end);
  let at = select(vec4u(), vec4u(first, first + step, first + 2u * step, first + 3u * step), inside);
  return Fetched(mat4x4f(b[at.x], b[at.y], b[at.z], b[at.w]), inside);
}

// Columns are steps of k.
fn blockB(fetched: Fetched) -> mat4x4f {
  let columns = fetchedColumns(fetched);
  if (B_ALONG_K) {
    return transpose(columns);
  }
  return columns;
}
