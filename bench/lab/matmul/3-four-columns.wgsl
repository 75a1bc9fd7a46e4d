// A lane makes four results of a row: b is read as vec4, and a number of a serves four multiply-adds.
override N: u32;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;

@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var sum = vec4f();
  for (var k = 0u; k < N; k++) {
    sum = fma(vec4f(a[id.y * N + k]), b[k * (N / 4u) + id.x], sum);
  }
  c[id.y * (N / 4u) + id.x] = sum;
}
