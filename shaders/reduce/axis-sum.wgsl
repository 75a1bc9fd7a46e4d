//! import reduce/progression
// Sums over the middle axis, one stage: y[o, s, i] = scale * sum of x[o, a, i] over a = s, s + slices, …
// Neighbouring threads read neighbouring elements, even where inner is 1. Sizes: see reduce/terms.
// Constants: none. Grid: outer * slices * inner / LANES threads.
fn terms_of(i: u32) -> Terms {
  let slice = i / width() % sizes.slices;
  let first = (i / (width() * sizes.slices) * sizes.axis + slice) * width() + i % width();
  return Terms(first, sizes.slices * width(), (sizes.axis - slice + sizes.slices - 1u) / sizes.slices);
}
