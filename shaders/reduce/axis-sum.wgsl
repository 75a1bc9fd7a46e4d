//! import reduce/progression
// Sums over the middle axis, one stage: y[o, s, i] = scale * sum of x[o, a, i] over a = s, s + slices, …
// Neighbouring threads read neighbouring elements, even where inner is 1. Sizes: see reduce/terms.
// Constants: none. Grid: outer * slices * inner / LANES threads.
fn terms_of(i: u32) -> Terms {
  let slice = i / width() % job().slices;
  let first = (i / (width() * job().slices) * job().axis + slice) * width() + i % width();
  return Terms(first, job().slices * width(), (job().axis - slice + job().slices - 1u) / job().slices);
}
