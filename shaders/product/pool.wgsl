//! part
//! import math/nan, lane/vec4f
//! needs sizes, store, after
// Stores the largest of the four rows of a window, with what comes after (shaders/after), and which row it was: for
// products whose rows go window by window (conv2d/forward-pooled). As pool/max: the first on ties; NaN counts as larger
// than any number. Gives putWindow for rows row .. row + 3 of four columns. argmax u32 [m / 4, n]. Constants: none.
@group(0) @binding(5) var<storage, read_write> argmax: array<vec4u>;

struct Largest {
  value: vec4f,
  row: vec4u,
}

fn larger(best: Largest, value: vec4f, row: u32) -> Largest {
  let wins = ((value > best.value) | is_nan(value)) & !is_nan(best.value);
  return Largest(select(best.value, value, wins), select(best.row, vec4u(row), wins));
}

fn putWindow(s: mat4x4f, row: u32, col: u32) {
  if (row >= sizes.m || col >= sizes.n) {
    return;
  }
  let best = larger(larger(larger(Largest(s[0], vec4u()), s[1], 1u), s[2], 2u), s[3], 3u);
  let i = row / 4u * sizes.n;
  store(i, col, after(best.value));
  argmax[(i + col) / 4u] = best.row;
}
