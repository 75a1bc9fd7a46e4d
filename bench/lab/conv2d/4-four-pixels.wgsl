// A lane makes four channels of four pixels in a row: a vec4 of weights serves sixteen multiply-adds. Pixels outside are
// read as some pixel inside and counted as 0, so that no lane leaves the others.
override H: u32;
override W: u32;
override C: u32;
override K: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let quads = K / 4u;
  let first = 4u * id.y;
  let row = first / W % H;
  let columns = vec4u(first % W) + vec4u(0u, 1u, 2u, 3u);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var tap = 0u; tap < 9u; tap++) {
    let r = row + tap / 3u - 1u;
    let s = columns + vec4u(tap % 3u) - vec4u(1u);
    let inside = select(vec4f(), vec4f(1.0), (s < vec4u(W)) & vec4<bool>(r < H));
    let start = (first - row * W - columns.x + min(r, H - 1u) * W + min(s, vec4u(W - 1u))) * C;
    let first_weight = tap * C * quads + id.x;
    for (var c = 0u; c < C; c++) {
      let weights = w[first_weight + c * quads];
      let v = inside * vec4f(x[start.x + c], x[start.y + c], x[start.z + c], x[start.w + c]);
      s0 = fma(vec4f(v.x), weights, s0);
      s1 = fma(vec4f(v.y), weights, s1);
      s2 = fma(vec4f(v.z), weights, s2);
      s3 = fma(vec4f(v.w), weights, s3);
    }
  }
  y[first * quads + id.x] = s0;
  y[(first + 1u) * quads + id.x] = s1;
  y[(first + 2u) * quads + id.x] = s2;
  y[(first + 3u) * quads + id.x] = s3;
}
