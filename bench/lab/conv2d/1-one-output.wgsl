// A lane makes one number of y [N, H, W, K] of x [N, H, W, C] and w [3, 3, C, K], and asks at each multiply-add whether
// the pixel of x is inside.
override H: u32;
override W: u32;
override C: u32;
override K: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.y / W % H;
  let column = id.y % W;
  var sum = 0.0;
  for (var tap = 0u; tap < 9u; tap++) {
    for (var c = 0u; c < C; c++) {
      let r = row + tap / 3u - 1u;
      let s = column + tap % 3u - 1u;
      // Below 0 is beyond the last.
      if (r < H && s < W) {
        let pixel = id.y + (r - row) * W + (s - column);
        sum = fma(x[pixel * C + c], w[(tap * C + c) * K + id.x], sum);
      }
    }
  }
  y[id.y * K + id.x] = sum;
}
