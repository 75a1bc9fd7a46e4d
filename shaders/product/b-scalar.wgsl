//! part
//! import product/fetched
//! needs sizes, Piece, indexB
// Reads b, the right factor of a product, one element at a time.
//
// Gives quadB, the q-th four columns from index `at` on, and fetchB and blockB, which fetch and take four columns at four
// steps of k, 0 past the last column and step. LANES_B = elements an index steps over.
// Constants: COLUMNS = columns that a quad has at most: 4, or all there are.

const LANES_B = 1u;
// quadB gives columns.
const B_QUADS = true;

@group(0) @binding(1) var<storage, read> b: array<f32>;

// What lies past the last column is never stored.
fn quadB(at: u32, q: u32) -> vec4f {
  let i = at + 4u * q * sizes.columnB;
  var v = vec4f(b[i], 0.0, 0.0, 0.0);
  if (COLUMNS > 1) {
    v.y = b[i + sizes.columnB];
  }
  if (COLUMNS > 2) {
    v.z = b[i + 2u * sizes.columnB];
  }
  if (COLUMNS > 3) {
    v.w = b[i + 3u * sizes.columnB];
  }
  return v;
}

fn stepB(piece: Piece, col: u32, k: u32) -> vec4f {
  var v = vec4f();
  if (k < piece.end) {
    let i = indexB(piece, col, k);
    if (col < sizes.n) {
      v.x = b[i];
    }
    if (col + 1u < sizes.n) {
      v.y = b[i + sizes.columnB];
    }
    if (col + 2u < sizes.n) {
      v.z = b[i + 2u * sizes.columnB];
    }
    if (col + 3u < sizes.n) {
      v.w = b[i + 3u * sizes.columnB];
    }
  }
  return v;
}

fn fetchB(piece: Piece, col: u32, k: u32) -> Fetched {
  let numbers = mat4x4f(
    stepB(piece, col, k),
    stepB(piece, col, k + 1u),
    stepB(piece, col, k + 2u),
    stepB(piece, col, k + 3u),
  );
  return Fetched(numbers, vec4<bool>(true));
}

// Columns are steps of k.
fn blockB(fetched: Fetched) -> mat4x4f {
  return fetched.numbers;
}
