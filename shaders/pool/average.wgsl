// Average pooling over NHWC. forward: y = mean of the window's pixels, padding not counted.
// backward, as a gather: dx = sum of dy / (pixels of the window) over the windows that hold the
// pixel.
//
// x, dx [N, H, W, C]; y, dy [N, OH, OW, C].
// Prelude: N, H, W, C, OH, OW, SIZE (window side), STRIDE, PAD. One thread an element of y
// (forward) or dx.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

const LANES = u32(C);

// Batch, row, column and channel lane of lane i of a tensor of height x width pixels.
fn place(i: u32, height: u32, width: u32) -> vec4u {
  let pixel = i / LANES;
  return vec4u(pixel / (width * height), pixel / width % height, pixel % width, i % LANES);
}

fn pixel_at(n: u32, row: u32, column: u32, lane: u32) -> u32 {
  return ((n * u32(H) + row) * u32(W) + column) * LANES + lane;
}

fn window_at(n: u32, row: u32, column: u32, lane: u32) -> u32 {
  return ((n * u32(OH) + row) * u32(OW) + column) * LANES + lane;
}

// First and last + 1 tap of a window's axis that lie in the picture.
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

fn pixels(window_row: u32, window_column: u32) -> f32 {
  let rows = taps(window_row, u32(H));
  let columns = taps(window_column, u32(W));
  return f32((rows.y - rows.x) * (columns.y - columns.x));
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= u32(N * OH * OW) * LANES) {
    return;
  }
  let p = place(i, u32(OH), u32(OW));
  let rows = taps(p.y, u32(H));
  let columns = taps(p.z, u32(W));
  let top = p.y * u32(STRIDE) - u32(PAD);
  let left = p.z * u32(STRIDE) - u32(PAD);
  var sum = 0.0;
  for (var kh = rows.x; kh < rows.y; kh++) {
    for (var kw = columns.x; kw < columns.y; kw++) {
      sum += x[pixel_at(p.x, top + kh, left + kw, p.w)];
    }
  }
  y[i] = sum / pixels(p.y, p.z);
}

@compute @workgroup_size(64)
fn backward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= u32(N * H * W) * LANES) {
    return;
  }
  let p = place(i, u32(H), u32(W));
  let rows = windows(p.y, u32(OH));
  let columns = windows(p.z, u32(OW));
  var sum = 0.0;
  for (var row = rows.x; row < rows.y; row++) {
    for (var column = columns.x; column < columns.y; column++) {
      sum += dy[window_at(p.x, row, column, p.w)] / pixels(row, column);
    }
  }
  dx[i] = sum;
}
