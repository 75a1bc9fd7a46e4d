//! import reduce/progression
//! needs LANES
// Sums over the middle axis, one stage: y[o, s, i] = SCALE * sum of x[o, a, i] over a = s, s + SLICES, …
// Neighbouring threads read neighbouring elements, even where INNER is 1.
//
// x [OUTER, AXIS, INNER], y [OUTER, SLICES, INNER]; INNER a multiple of LANES.
// Constants: OUTER, AXIS, INNER, SLICES, SCALE. Grid: OUTER * SLICES * INNER / LANES threads.
const WIDTH = u32(INNER) / LANES;
const RESULTS = u32(OUTER) * u32(SLICES) * WIDTH;
const LONGEST = (u32(AXIS) + u32(SLICES) - 1u) / u32(SLICES);

const_assert u32(INNER) % LANES == 0u;
const_assert SLICES <= AXIS;

fn terms_of(i: u32) -> Terms {
  let slice = i / WIDTH % u32(SLICES);
  let first = (i / (WIDTH * u32(SLICES)) * u32(AXIS) + slice) * WIDTH + i % WIDTH;
  return Terms(first, u32(SLICES) * WIDTH, (u32(AXIS) - slice + u32(SLICES) - 1u) / u32(SLICES));
}
