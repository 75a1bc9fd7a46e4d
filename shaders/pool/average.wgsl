//! import pool/windows
// Average pooling: y = mean of the window's pixels, padding not counted; dx = sum of dy / (pixels of the
// window) over the windows that hold the pixel. Shapes, constants and grid: pool/windows.
alias Taken = Lane;

fn start_of(pixel: Lane, tap: u32) -> Taken {
  return Lane();
}

fn take(taken: Taken, pixel: Lane, tap: u32) -> Taken {
  return taken + pixel;
}

fn put(i: u32, taken: Taken, pixels: f32) {
  y[i] = taken / pixels;
}

fn share(at: u32, tap: u32, pixels: f32) -> Lane {
  return dy[at] / pixels;
}
