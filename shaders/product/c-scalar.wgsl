//! part
//! import lane/vec4f
//! needs sizes, after
// Stores c, the result of a product with what comes after (shaders/after), one element at a time, and reads its bias
// [n]. No lane of four lies where one is stored: what comes after must not ask where.
//
// Gives biasQuad, the biases of four columns, and store, four columns of the row that begins at index i; columns
// past n are left out. Constants: none.

@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

fn biasQuad(col: u32) -> vec4f {
  let at = min(vec4u(col, col + 1u, col + 2u, col + 3u), vec4u(sizes.n - 1u));
  return vec4f(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
}

fn store(i: u32, col: u32, result: vec4f) {
  let value = after(result, 0u);
  if (col < sizes.n) {
    c[i + col] = value.x;
  }
  if (col + 1u < sizes.n) {
    c[i + col + 1u] = value.y;
  }
  if (col + 2u < sizes.n) {
    c[i + col + 2u] = value.z;
  }
  if (col + 3u < sizes.n) {
    c[i + col + 3u] = value.w;
  }
}
