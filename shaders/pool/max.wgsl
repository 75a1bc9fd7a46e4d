// Max pooling over NHWC. forward: y = largest of the window, argmax = its tap kh * SIZE + kw, the
// first on ties. backward, as a gather: dx = sum of dy over the windows whose largest element the
// pixel is.
// backward_tiles, for windows that tile the picture (STRIDE = SIZE, no padding): each window
// writes its pixels; the last ones of a row or column also write 0 to the pixels that no window
// covers.
//
// x, dx [N, H, W, C]; y, dy [N, OH, OW, C]; argmax, kept u32 [N, OH, OW, C].
// Prelude: N, H, W, C, OH, OW, SIZE (window side), STRIDE, PAD. One thread an element of y
// (forward, tiles) or dx.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(3) var<storage, read> kept: array<u32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

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
  var best = x[pixel_at(p.x, top + rows.x, left + columns.x, p.w)];
  var tap = u32(rows.x * u32(SIZE) + columns.x);
  for (var kh = rows.x; kh < rows.y; kh++) {
    for (var kw = columns.x; kw < columns.y; kw++) {
      let v = x[pixel_at(p.x, top + kh, left + kw, p.w)];
      if (v > best) {
        best = v;
        tap = kh * u32(SIZE) + kw;
      }
    }
  }
  y[i] = best;
  argmax[i] = tap;
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
      let kh = p.y + u32(PAD) - row * u32(STRIDE);
      let kw = p.z + u32(PAD) - column * u32(STRIDE);
      let at = window_at(p.x, row, column, p.w);
      sum += select(0.0, dy[at], kept[at] == u32(kh * u32(SIZE) + kw));
    }
  }
  dx[i] = sum;
}

@compute @workgroup_size(64)
fn backward_tiles(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= u32(N * OH * OW) * LANES) {
    return;
  }
  let p = place(i, u32(OH), u32(OW));
  let top = p.y * u32(SIZE);
  let left = p.z * u32(SIZE);
  let rows = select(u32(SIZE), u32(H) - top, p.y == u32(OH) - 1u);
  let columns = select(u32(SIZE), u32(W) - left, p.z == u32(OW) - 1u);
  let tap = kept[i];
  let g = dy[i];
  for (var kh = 0u; kh < rows; kh++) {
    for (var kw = 0u; kw < columns; kw++) {
      let covered = kh < u32(SIZE) && kw < u32(SIZE);
      let wins = tap == u32(select(u32(SIZE * SIZE), kh * u32(SIZE) + kw, covered));
      dx[pixel_at(p.x, top + kh, left + kw, p.w)] = select(0.0, g, wins);
    }
  }
}
