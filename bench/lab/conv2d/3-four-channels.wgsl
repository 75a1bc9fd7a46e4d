// A lane makes four channels of a pixel: weights are read as vec4.
override H: u32;
override W: u32;
override C: u32;
override K: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let quads = K / 4u;
  let row = id.y / W % H;
  let column = id.y % W;
  var sum = vec4f();
  for (var tap = 0u; tap < 9u; tap++) {
    let r = row + tap / 3u - 1u;
    let s = column + tap % 3u - 1u;
    if (r < H && s < W) {
      let start = (id.y + (r - row) * W + (s - column)) * C;
      let first_weight = tap * C * quads + id.x;
      for (var c = 0u; c < C; c++) {
        sum = fma(vec4f(x[start + c]), w[first_weight + c * quads], sum);
      }
    }
  }
  y[id.y * quads + id.x] = sum;
}
