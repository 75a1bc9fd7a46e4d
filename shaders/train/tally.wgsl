//! import train/batch-totals
// Adds a batch to the running totals. Constants: those of train/batch-totals.

@compute @workgroup_size(1)
fn main() {
  add_batch(0u);
}
