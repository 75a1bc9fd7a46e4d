// A lane makes one result: 2 N loads for N multiply-adds.
override N: u32;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var sum = 0.0;
  for (var k = 0u; k < N; k++) {
    sum = fma(a[id.y * N + k], b[k * N + id.x], sum);
  }
  c[id.y * N + id.x] = sum;
}
