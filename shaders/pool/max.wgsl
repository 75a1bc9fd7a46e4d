//! import pool/windows, pool/largest
//! needs LaneU, after, arriving
// Max pooling: y = largest of the window (pool/largest), argmax = its tap kh * SIZE + kw. dx = sum of dy over the windows
// whose largest element the pixel is.
// `backward_tiles` is for windows that tile the image (STRIDE = SIZE, PAD = 0): each window writes its pixels; the
// last ones of a row or column also write 0 to the pixels that no window covers.
//
// Needs what comes after (shaders/after) and the gradient that arrives (pool/arriving, pool/arriving-past-relu).
// argmax, kept u32 [N, OH, OW, C]. Other shapes, constants and grid: pool/windows; tiles: a thread a lane of dy.
@group(0) @binding(4) var<storage, read_write> argmax: array<LaneU>;
@group(0) @binding(5) var<storage, read> kept: array<LaneU>;

fn put(i: u32, taken: Taken, pixels: f32) {
  y[i] = after(taken.best, i);
  argmax[i] = taken.tap;
}

fn share(at: u32, tap: u32, pixels: f32) -> Lane {
  return select(Lane(), arriving(at), kept[at] == LaneU(tap));
}

@compute @workgroup_size(64)
fn backward_tiles(thread: Thread) {
  let i = number_of(thread);
  if (i >= u32(N * OH * OW) * WIDTH) {
    return;
  }
  let p = place_of(i, u32(OH), u32(OW));
  let top = p.row * u32(SIZE);
  let left = p.column * u32(SIZE);
  let rows = select(u32(SIZE), u32(H) - top, p.row == u32(OH) - 1u);
  let columns = select(u32(SIZE), u32(W) - left, p.column == u32(OW) - 1u);
  let tap = kept[i];
  let g = arriving(i);
  for (var kh = 0u; kh < rows; kh++) {
    for (var kw = 0u; kw < columns; kw++) {
      let covered = kh < u32(SIZE) && kw < u32(SIZE);
      let wins = tap == LaneU(select(u32(SIZE * SIZE), kh * u32(SIZE) + kw, covered));
      dx[pixel_at(p.n, top + kh, left + kw, p.lane)] = select(Lane(), g, wins);
    }
  }
}
