//! part
//! import lane/vec4f
//! needs sizes, after
// Stores c, the result of a product with what comes after (shaders/after), four columns at a time, and reads its bias [n].
//
// Gives biasQuad, the biases of four columns, and store, four columns of the row that begins at index i; columns
// past n, which is a multiple of four, are left out. Constants: none.

@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4f>;

fn biasQuad(col: u32) -> vec4f {
  return bias[col / 4u];
}

fn store(i: u32, col: u32, value: vec4f) {
  if (col < sizes.n) {
    let at = (i + col) / 4u;
    c[at] = after(value, at);
  }
}
