// A lane makes 8 x 16 results: twelve loads for 128 multiply-adds. Rows of b are four vec4 that lie together.
override N: u32;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;

// Rows of a times four columns of b.
fn outer(a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(a.x * b, a.y * b, a.z * b, a.w * b);
}

fn put(row: u32, column: u32, s: mat4x4f) {
  let quads = N / 4u;
  c[row * quads + column] = s[0];
  c[(row + 1u) * quads + column] = s[1];
  c[(row + 2u) * quads + column] = s[2];
  c[(row + 3u) * quads + column] = s[3];
}

@compute @workgroup_size(4, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = 8u * id.y;
  let column = 4u * id.x;
  let low_rows = (vec4u(row) + vec4u(0u, 1u, 2u, 3u)) * N;
  let high_rows = low_rows + vec4u(4u * N);
  var l0 = mat4x4f();
  var l1 = mat4x4f();
  var l2 = mat4x4f();
  var l3 = mat4x4f();
  var h0 = mat4x4f();
  var h1 = mat4x4f();
  var h2 = mat4x4f();
  var h3 = mat4x4f();
  for (var k = 0u; k < N; k++) {
    let i = low_rows + vec4u(k);
    let j = high_rows + vec4u(k);
    let low = vec4f(a[i.x], a[i.y], a[i.z], a[i.w]);
    let high = vec4f(a[j.x], a[j.y], a[j.z], a[j.w]);
    let at = k * (N / 4u) + column;
    let b0 = b[at];
    let b1 = b[at + 1u];
    let b2 = b[at + 2u];
    let b3 = b[at + 3u];
    l0 += outer(low, b0);
    l1 += outer(low, b1);
    l2 += outer(low, b2);
    l3 += outer(low, b3);
    h0 += outer(high, b0);
    h1 += outer(high, b1);
    h2 += outer(high, b2);
    h3 += outer(high, b3);
  }
  put(row, column, l0);
  put(row, column + 1u, l1);
  put(row, column + 2u, l2);
  put(row, column + 3u, l3);
  put(row + 4u, column, h0);
  put(row + 4u, column + 1u, h1);
  put(row + 4u, column + 2u, h2);
  put(row + 4u, column + 3u, h3);
}
