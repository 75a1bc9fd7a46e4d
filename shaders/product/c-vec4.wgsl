//! part
//! needs N
// Stores c, the result of a product, four columns at a time, and reads its bias [N].
//
// Gives biasQuad, the biases of four columns, and store, four columns of the row that begins at index i; columns
// past N are left out. Constants: none.

const_assert N % 4 == 0;

@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4f>;

fn biasQuad(col: u32) -> vec4f {
  return bias[col / 4u];
}

fn store(i: u32, col: u32, value: vec4f) {
  if (col < N) {
    c[(i + col) / 4u] = value;
  }
}
