//! part
//! import walk/each
//! needs Lane
// Copies a block of rows: y[r Y_STRIDE + Y_OFFSET + j] = x[r X_STRIDE + X_OFFSET + j], r < ROWS, j
// < WIDTH. Concatenation and its derivative.
// Constants: ROWS, WIDTH, X_STRIDE, X_OFFSET, Y_STRIDE, Y_OFFSET in floats, multiples of LANES; PER lanes a
// thread.
@group(0) @binding(0) var<storage, read> x: array<Lane>;
@group(0) @binding(1) var<storage, read_write> y: array<Lane>;

const LANES_A_ROW = u32(WIDTH) / LANES;
const COUNT = u32(ROWS) * LANES_A_ROW;

fn each(i: u32) {
  let row = i / LANES_A_ROW;
  let j = i % LANES_A_ROW;
  y[(row * u32(Y_STRIDE) + u32(Y_OFFSET)) / LANES + j] =
    x[(row * u32(X_STRIDE) + u32(X_OFFSET)) / LANES + j];
}
