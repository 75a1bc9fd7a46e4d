//! part
// Adds a batch to five words of totals. One thread: a few hundred additions in a fixed order.
//   totals[at] += loss * rows (f32 bits; not where the loss is not finite), [at + 1] += hits, [at + 2] += rows,
//   [at + 3] += 1 batch, [at + 4] += 1 if the loss is not finite (tested on its bits: shaders may assume there is no NaN).
// loss: mean over the rows that count; hits: of each row; step: see train/next-step.wgsl.
// Gives: add_batch(at). Constants: HAS_HITS (boolean).
@group(0) @binding(0) var<storage, read> loss: array<f32>;
@group(0) @binding(1) var<storage, read> hits: array<u32>;
@group(0) @binding(2) var<storage, read> step: array<u32>;
@group(0) @binding(3) var<storage, read_write> totals: array<u32>;

fn add_batch(at: u32) {
  let rows = step[0];
  var sum = 0u;
  if (HAS_HITS) {
    for (var row = 0u; row < rows; row++) {
      sum += hits[row];
    }
  }
  let finite = (bitcast<u32>(loss[0]) & 0x7f800000u) != 0x7f800000u;
  if (finite) {
    totals[at] = bitcast<u32>(bitcast<f32>(totals[at]) + loss[0] * f32(rows));
  }
  totals[at + 1u] += sum;
  totals[at + 2u] += rows;
  totals[at + 3u] += 1u;
  totals[at + 4u] += select(1u, 0u, finite);
}
