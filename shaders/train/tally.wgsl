// Adds a batch to the running totals. One thread: a few hundred additions in a fixed order.
//   totals[0] += loss * rows (f32 bits), [1] += hits, [2] += rows, [3] += 1 step,
//   [4] += 1 if the loss is not finite (tested on its bits: shaders may assume there is no NaN).
// Prelude: B rows of the batch. loss: mean over the rows that count; hits [B]; step: see next-step.wgsl.
@group(0) @binding(0) var<storage, read> loss: array<f32>;
@group(0) @binding(1) var<storage, read> hits: array<u32>;
@group(0) @binding(2) var<storage, read> step: array<u32>;
@group(0) @binding(3) var<storage, read_write> totals: array<u32>;

@compute @workgroup_size(1)
fn main() {
  let rows = step[0];
  var sum = 0u;
  for (var row = 0u; row < B; row++) {
    sum += select(0u, hits[row], row < rows);
  }
  let bits = bitcast<u32>(loss[0]);
  let finite = (bits & 0x7f800000u) != 0x7f800000u;
  if (finite) {
    totals[0] = bitcast<u32>(bitcast<f32>(totals[0]) + loss[0] * f32(rows));
  }
  totals[1] += sum;
  totals[2] += rows;
  totals[3] += 1u;
  totals[4] += select(1u, 0u, finite);
}
