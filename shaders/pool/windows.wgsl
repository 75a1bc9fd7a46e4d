//! part
//! import walk/thread
//! needs Lane, LANES, start_of, take, put, share
// Pooling over NHWC, the walk: `forward` shows each window its pixels in row-major order; `backward`, as a
// gather, adds up for each pixel the shares of the windows that hold it. Padding belongs to no window.
//
// x, dx [N, H, W, C]; y, dy [N, OH, OW, C]; C a multiple of LANES.
// Constants: N, H, W, C, OH, OW, SIZE (window side), STRIDE, PAD. Grid: a thread a lane of y (forward) or dx.
// Needs: Lane, LANES; Taken, what a window keeps of the pixels it has seen; start_of(pixel: Lane, tap: u32) ->
// Taken, before the first; take(taken, pixel, tap) -> Taken, where tap is kh * SIZE + kw;
// put(i, taken, pixels: f32), which stores y[i], `pixels` being how many the window has;
// share(at, tap, pixels) -> Lane, what window `at` gives to the pixel under its tap.
@group(0) @binding(0) var<storage, read> x: array<Lane>;
@group(0) @binding(1) var<storage, read_write> y: array<Lane>;
@group(0) @binding(2) var<storage, read> dy: array<Lane>;
@group(0) @binding(3) var<storage, read_write> dx: array<Lane>;

const WIDTH = u32(C) / LANES;

const_assert u32(C) % LANES == 0u;
const_assert PAD < SIZE;

// Image, row, column and lane of element i of a tensor of height x width pixels.
struct Place {
  n: u32,
  row: u32,
  column: u32,
  lane: u32,
}

fn place_of(i: u32, height: u32, width: u32) -> Place {
  let pixel = i / WIDTH;
  return Place(pixel / (width * height), pixel / width % height, pixel % width, i % WIDTH);
}

// Index of a pixel of x.
fn pixel_at(n: u32, row: u32, column: u32, lane: u32) -> u32 {
  return ((n * u32(H) + row) * u32(W) + column) * WIDTH + lane;
}

// Index of a window, which is a pixel of y.
fn window_at(n: u32, row: u32, column: u32, lane: u32) -> u32 {
  return ((n * u32(OH) + row) * u32(OW) + column) * WIDTH + lane;
}

// First and last + 1 tap of a window's axis that lie in the image.
fn taps(window: u32, length: u32) -> vec2u {
  let start = window * u32(STRIDE);
  return vec2u(max(start, u32(PAD)) - start, min(start + u32(SIZE), length + u32(PAD)) - start);
}

// First and last + 1 window of an axis that hold a pixel.
fn windows(pixel: u32, count: u32) -> vec2u {
  let at = pixel + u32(PAD);
  let first = (max(at + 1u, u32(SIZE)) - u32(SIZE) + u32(STRIDE) - 1u) / u32(STRIDE);
  return vec2u(first, min(at / u32(STRIDE) + 1u, count));
}

// Pixels of the image in a window.
fn pixels(rows: vec2u, columns: vec2u) -> f32 {
  return f32((rows.y - rows.x) * (columns.y - columns.x));
}

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  let i = number_of(thread);
  if (i >= u32(N * OH * OW) * WIDTH) {
    return;
  }
  let p = place_of(i, u32(OH), u32(OW));
  let rows = taps(p.row, u32(H));
  let columns = taps(p.column, u32(W));
  let top = p.row * u32(STRIDE) - u32(PAD);
  let left = p.column * u32(STRIDE) - u32(PAD);
  let first = x[pixel_at(p.n, top + rows.x, left + columns.x, p.lane)];
  var taken = start_of(first, rows.x * u32(SIZE) + columns.x);
  for (var kh = rows.x; kh < rows.y; kh++) {
    for (var kw = columns.x; kw < columns.y; kw++) {
      taken = take(taken, x[pixel_at(p.n, top + kh, left + kw, p.lane)], kh * u32(SIZE) + kw);
    }
  }
  put(i, taken, pixels(rows, columns));
}

@compute @workgroup_size(64)
fn backward(thread: Thread) {
  let i = number_of(thread);
  if (i >= u32(N * H * W) * WIDTH) {
    return;
  }
  let p = place_of(i, u32(H), u32(W));
  let rows = windows(p.row, u32(OH));
  let columns = windows(p.column, u32(OW));
  var sum = Lane();
  for (var row = rows.x; row < rows.y; row++) {
    for (var column = columns.x; column < columns.y; column++) {
      let kh = p.row + u32(PAD) - row * u32(STRIDE);
      let kw = p.column + u32(PAD) - column * u32(STRIDE);
      let held = pixels(taps(row, u32(H)), taps(column, u32(W)));
      sum += share(window_at(p.n, row, column, p.lane), kh * u32(SIZE) + kw, held);
    }
  }
  dx[i] = sum;
}
