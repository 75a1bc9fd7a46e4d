// Adds a batch to the totals of its point and set. One thread: a few hundred additions in a fixed order.
//   totals[4 at] += loss * rows (f32 bits; not where the loss is not finite), [4 at + 1] += hits, [4 at + 2] += rows,
//   [4 at + 3] += 1 if the loss is not finite; at = point * SETS + set: the step's seed, and its micro-batch's number.
// Prelude: B rows of the batch, SETS. loss: mean over the rows that count; hits [B]; step: see train/next-step.wgsl.
@group(0) @binding(0) var<storage, read> loss: array<f32>;
@group(0) @binding(1) var<storage, read> hits: array<u32>;
@group(0) @binding(2) var<storage, read> step: array<u32>;
@group(0) @binding(3) var<storage, read_write> totals: array<u32>;

@compute @workgroup_size(1)
fn main() {
  let rows = step[0];
  let at = 4u * (step[2] * u32(SETS) + step[3]);
  var sum = 0u;
  for (var row = 0u; row < B; row++) {
    sum += select(0u, hits[row], row < rows);
  }
  let finite = (bitcast<u32>(loss[0]) & 0x7f800000u) != 0x7f800000u;
  if (finite) {
    totals[at] = bitcast<u32>(bitcast<f32>(totals[at]) + loss[0] * f32(rows));
  }
  totals[at + 1u] += sum;
  totals[at + 2u] += rows;
  totals[at + 3u] += select(1u, 0u, finite);
}
