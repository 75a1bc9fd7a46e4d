//! import walk/each, walk/quads
// Adds a micro-batch's gradients to the step's: sum = share * gradients for the first, sum += share *
// gradients for the others; share is the micro-batch's part of the step's rows.
// sum, gradients: a shard of N floats, a multiple of 64; step: see train/next-step ([3], [7]).
// Constants: PER quads a thread.
@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> sum: array<vec4f>;

fn each(i: u32) {
  let share = bitcast<f32>(step[7]);
  // Not `select`: what was there before the first micro-batch may be anything, NaN included.
  if (step[3] == 0u) {
    sum[i] = share * gradients[i];
  } else {
    sum[i] = fma(vec4f(share), gradients[i], sum[i]);
  }
}
