// Copies a block of rows: y[r Y_STRIDE + Y_OFFSET + j] = x[r X_STRIDE + X_OFFSET + j], r < ROWS, j
// < WIDTH. Concatenation and its derivative.
// Prelude: ROWS, WIDTH, X_STRIDE, X_OFFSET, Y_STRIDE, Y_OFFSET in floats; PER lanes a thread. A
// lane copies one f32.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

const LANES_A_ROW = u32(WIDTH);
const LANES = u32(ROWS) * LANES_A_ROW;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = (wid.y * groups.x + wid.x) * (64u * PER) + 64u * k + local;
    if (i < LANES) {
      let row = i / LANES_A_ROW;
      let j = i % LANES_A_ROW;
      y[(row * u32(Y_STRIDE) + u32(Y_OFFSET)) + j] = x[(row * u32(X_STRIDE) + u32(X_OFFSET)) + j];
    }
  }
}
