//! import reduce/progression, reduce/from-zero
//! needs LANES
// Sums of columns, the first of two stages: y[s, c] = SCALE * sum of x[row, c] over the rows of slice s, which
// are neighbours. Bias gradients.
//
// x [ROWS, C], y [SLICES, C]; C a multiple of LANES. The last slices may have fewer rows than the others, or none.
// Constants: ROWS, C, SLICES, SCALE. Grid: SLICES * C / LANES threads.
const WIDTH = u32(C) / LANES;
const RESULTS = u32(SLICES) * WIDTH;
const LONGEST = (u32(ROWS) + u32(SLICES) - 1u) / u32(SLICES);

const_assert u32(C) % LANES == 0u;

fn terms_of(i: u32) -> Terms {
  let row = min(i / WIDTH * LONGEST, u32(ROWS));
  return Terms(row * WIDTH + i % WIDTH, WIDTH, min(LONGEST, u32(ROWS) - row));
}
