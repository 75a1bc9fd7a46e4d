//! part
//! import walk/thread, reduce/terms
//! needs terms_of, start_of, total, group_in_job, job, put
// Sums over the middle axis of x [outer, axis, inner], one stage: y [outer, slices, inner] of
//   y[i] = scale * (start_of(i) + x[first] + x[first + step] + …).
// One thread a lane of y, in workgroups of 64.
//
// Needs: terms_of(i: u32) -> Terms, what y[i] adds; start_of(i: u32) -> Lane, what it begins with (reduce/from-zero,
// reduce/from-bias); total(start, terms) -> Lane, in which order (reduce/one-by-one, reduce/by-eight).
// Constants: none.
@compute @workgroup_size(64)
fn main(thread: Thread) {
  let i = group_in_job(group_of(thread)) * 64u + thread.local;
  if (i >= job().outer * job().slices * width()) {
    return;
  }
  put(i, job().scale * total(start_of(i), terms_of(i)));
}
