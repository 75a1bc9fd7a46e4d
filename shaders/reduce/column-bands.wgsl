//! import walk/thread, reduce/by-eight, reduce/across
//! needs Lane, group_in_job, job, put
// Sums of columns, the first of two stages, for GPUs: y[s, c] = scale * sum of x[row, c] over the rows of band s, which
// are neighbours. Bias gradients. x [axis, inner], y [slices, inner]; outer is 1. The last bands may have no row.
// A workgroup takes a band of ACROSS lanes of columns: 256 / ACROSS threads a column add every so-many-th row in
// registers, and their sums meet in workgroup memory, in a tree of fixed order.
// Constants: ACROSS, a power of two up to 256. Grid: slices * ceil(inner / LANES / ACROSS) workgroups of 256.
@compute @workgroup_size(256)
fn main(thread: Thread) {
  let group = group_in_job(group_of(thread));
  let at = thread.local;
  let parts = (width() + u32(ACROSS) - 1u) / u32(ACROSS);
  let band = group / parts;
  let lane = group % parts * u32(ACROSS) + at % u32(ACROSS);
  let longest = (job().axis + job().slices - 1u) / job().slices;
  let first = min(band * longest, job().axis);
  let rows = min(longest, job().axis - first);
  let row = at / u32(ACROSS);
  let own = select(0u, (rows - row + DOWN - 1u) / DOWN, row < rows && lane < width());
  let sum = across_sum(total(Lane(), Terms((first + row) * width() + lane, DOWN * width(), own)), at);
  if (row == 0u && lane < width() && band < job().slices) {
    put(band * width() + lane, job().scale * sum);
  }
}
