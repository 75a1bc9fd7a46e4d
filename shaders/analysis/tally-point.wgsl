//! import train/batch-totals
// Adds a batch to the totals of its point and set: the step's seed, and its micro-batch's number.
// totals [points, SETS, 5]. Constants: SETS, and those of train/batch-totals.

@compute @workgroup_size(1)
fn main() {
  add_batch(5u * (step[2] * u32(SETS) + step[3]));
}
