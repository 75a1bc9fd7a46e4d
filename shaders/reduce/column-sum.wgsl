//! import reduce/progression, reduce/from-zero, reduce/one-by-one
// Sums of columns, the first of two stages, for software adapters: y[s, c] = scale * sum of x[row, c] over the rows of
// slice s, which are neighbours. Bias gradients. Sizes: see reduce/terms; outer is 1, the rows are the axis.
// The last slices may have fewer rows than the others, or none.
// Constants: none. Grid: slices * inner / LANES threads.
fn terms_of(i: u32) -> Terms {
  let longest = (job().axis + job().slices - 1u) / job().slices;
  let row = min(i / width() * longest, job().axis);
  return Terms(row * width() + i % width(), width(), min(longest, job().axis - row));
}
