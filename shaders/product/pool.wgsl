//! part
//! import pool/largest, lane/vec4f
//! needs sizes, store
// Stores the largest of the four rows of a window, and which row it was: for
// products whose rows go window by window (conv2d/forward-pooled). Gives putWindow for rows row .. row + 3 of four columns.
// argmax u32 [m / 4, n]. Constants: none.
@group(0) @binding(5) var<storage, read_write> argmax: array<vec4u>;

fn putWindow(s: mat4x4f, row: u32, col: u32) {
  if (row >= sizes.m || col >= sizes.n) {
    return;
  }
  let taken = take(take(take(start_of(s[0], 0u), s[1], 1u), s[2], 2u), s[3], 3u);
  let i = row / 4u * sizes.n;
  store(i, col, taken.best);
  argmax[(i + col) / 4u] = taken.tap;
}
