// A lane makes sixteen channels of four pixels: eight loads for 64 multiply-adds.
override H: u32;
override W: u32;
override C: u32;
override K: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
fn outer(a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(a.x * b, a.y * b, a.z * b, a.w * b);
}

fn put(pixel: u32, channel: u32, s: mat4x4f) {
  let quads = K / 4u;
  y[pixel * quads + channel] = s[0];
  y[(pixel + 1u) * quads + channel] = s[1];
  y[(pixel + 2u) * quads + channel] = s[2];
  y[(pixel + 3u) * quads + channel] = s[3];
}

@compute @workgroup_size(4, 16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let quads = K / 4u;
  let channel = 4u * id.x;
  let first = 4u * id.y;
  let row = first / W % H;
  let columns = vec4u(first % W) + vec4u(0u, 1u, 2u, 3u);
  var s0 = mat4x4f();
  var s1 = mat4x4f();
  var s2 = mat4x4f();
  var s3 = mat4x4f();
  for (var tap = 0u; tap < 9u; tap++) {
    let r = row + tap / 3u - 1u;
    let s = columns + vec4u(tap % 3u) - vec4u(1u);
    let inside = select(vec4f(), vec4f(1.0), (s < vec4u(W)) & vec4<bool>(r < H));
    let start = (first - row * W - columns.x + min(r, H - 1u) * W + min(s, vec4u(W - 1u))) * C;
    let first_weight = tap * C * quads + channel;
    for (var c = 0u; c < C; c++) {
      let v = inside * vec4f(x[start.x + c], x[start.y + c], x[start.z + c], x[start.w + c]);
      let at = first_weight + c * quads;
      s0 += outer(v, w[at]);
      s1 += outer(v, w[at + 1u]);
      s2 += outer(v, w[at + 2u]);
      s3 += outer(v, w[at + 3u]);
    }
  }
  put(first, channel, s0);
  put(first, channel + 1u, s1);
  put(first, channel + 2u, s2);
  put(first, channel + 3u, s3);
}
