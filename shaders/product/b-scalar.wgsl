//! part
//! needs N, Piece, indexB, B_COLUMN
// Reads b, the right factor of a product, one element at a time.
//
// Gives quadB, the q-th four columns from index `at` on, and blockB, four columns at four steps of k, 0 past the
// last column and step. LANES_B = elements an index steps over. Constants: none.

const LANES_B = 1u;
// quadB gives columns.
const B_QUADS = true;

@group(0) @binding(1) var<storage, read> b: array<f32>;

// What lies past the last column is never stored.
fn quadB(at: u32, q: u32) -> vec4f {
  let i = at + 4u * q * B_COLUMN;
  var v = vec4f(b[i], 0.0, 0.0, 0.0);
  if (N > 1u) {
    v.y = b[i + B_COLUMN];
  }
  if (N > 2u) {
    v.z = b[i + 2u * B_COLUMN];
  }
  if (N > 3u) {
    v.w = b[i + 3u * B_COLUMN];
  }
  return v;
}

fn stepB(piece: Piece, col: u32, k: u32) -> vec4f {
  var v = vec4f();
  if (k < piece.end) {
    let i = indexB(piece, col, k);
    if (col < N) {
      v.x = b[i];
    }
    if (col + 1u < N) {
      v.y = b[i + B_COLUMN];
    }
    if (col + 2u < N) {
      v.z = b[i + 2u * B_COLUMN];
    }
    if (col + 3u < N) {
      v.w = b[i + 3u * B_COLUMN];
    }
  }
  return v;
}

// Columns are steps of k.
fn blockB(piece: Piece, col: u32, k: u32) -> mat4x4f {
  return mat4x4f(
    stepB(piece, col, k),
    stepB(piece, col, k + 1u),
    stepB(piece, col, k + 2u),
    stepB(piece, col, k + 3u),
  );
}
