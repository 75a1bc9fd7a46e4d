//! part
//! needs Lane
// Sums of columns over a workgroup of 256 threads: ACROSS neighbours have ACROSS columns, and those that have the same one
// add what they have, in workgroup memory, in a tree of fixed order.
// Gives DOWN, how many threads have the same column; across_sum(value, local), right in the first ACROSS threads, which
// every thread of the workgroup must call. Constants: ACROSS, a power of two up to 256.
const DOWN = 256u / u32(ACROSS);

// Levels of the tree.
const FOLDS = firstTrailingBit(DOWN);

const_assert ACROSS <= 256 && 256 % ACROSS == 0;

var<workgroup> across_sums: array<Lane, 256>;

fn across_sum(value: Lane, local: u32) -> Lane {
  let at = local % 256u; // all of it, but so a compiler knows the range of indices
  across_sums[at] = value;
  workgroupBarrier();
  for (var level = 1u; level <= FOLDS; level++) {
    let reach = DOWN >> level;
    if (at / u32(ACROSS) < reach) {
      across_sums[at] += across_sums[(at + reach * u32(ACROSS)) % 256u];
    }
    workgroupBarrier();
  }
  let sum = across_sums[at];
  // The next sum must not overwrite this one before everyone has read it.
  workgroupBarrier();
  return sum;
}
