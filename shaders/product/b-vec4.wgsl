//! part
//! needs sizes, Piece, indexB, B_ALONG_K
// Reads b, the right factor of a product, four neighbours at a time: four steps of k if B_ALONG_K, else four
// columns.
//
// Gives quadB, the q-th four columns from index `at` on (only for neighbouring columns), and blockB, four
// columns at four steps of k, 0 past the last column and step. LANES_B = elements an index steps over.
// b's elements and columns lie together in whole quads. Constants: none.

const LANES_B = 4u;
// Whether quadB gives columns.
const B_QUADS = !B_ALONG_K;

@group(0) @binding(1) var<storage, read> b: array<vec4f>;

fn quadB(at: u32, q: u32) -> vec4f {
  return b[at + q];
}

fn elementB(i: u32, inside: bool) -> vec4f {
  var v = vec4f();
  if (inside) {
    v = b[i];
  }
  return v;
}

// Columns are steps of k.
fn blockB(piece: Piece, col: u32, k: u32) -> mat4x4f {
  let i = indexB(piece, col, k) / 4u;
  let end = select(0u, piece.end, col < sizes.n);
  if (B_ALONG_K) {
    let step = sizes.columnB / 4u;
    return transpose(mat4x4f(
      elementB(i, k < end),
      elementB(i + step, k < end),
      elementB(i + 2u * step, k < end),
      elementB(i + 3u * step, k < end),
    ));
  }
  let step = sizes.stepB / 4u;
  return mat4x4f(
    elementB(i, k < end),
    elementB(i + step, k + 1u < end),
    elementB(i + 2u * step, k + 2u < end),
    elementB(i + 3u * step, k + 3u < end),
  );
}
