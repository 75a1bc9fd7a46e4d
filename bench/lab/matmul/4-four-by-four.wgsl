// A lane makes 4 x 4 results in registers: five loads for sixteen multiply-adds.
override N: u32;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let quads = N / 4u;
  let row = 4u * id.y;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var k = 0u; k < N; k++) {
    let columns = b[k * quads + id.x];
    s0 = fma(vec4f(a[row * N + k]), columns, s0);
    s1 = fma(vec4f(a[(row + 1u) * N + k]), columns, s1);
    s2 = fma(vec4f(a[(row + 2u) * N + k]), columns, s2);
    s3 = fma(vec4f(a[(row + 3u) * N + k]), columns, s3);
  }
  c[row * quads + id.x] = s0;
  c[(row + 1u) * quads + id.x] = s1;
  c[(row + 2u) * quads + id.x] = s2;
  c[(row + 3u) * quads + id.x] = s3;
}
