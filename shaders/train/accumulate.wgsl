// Adds a micro-batch's gradients to the step's: sum = share * gradients for the first, sum += share *
// gradients for the others; share is the micro-batch's part of the step's rows.
// sum, gradients: a shard of N floats, a multiple of 64; step: see next-step.wgsl ([3], [7]).
// Prelude: N, PER quads a thread (graph/elementwise.ts). One thread for PER quads.
@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> sum: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let share = bitcast<f32>(step[7]);
  let first = step[3] == 0u;
  for (var k = 0u; k < PER; k++) {
    let i = (wid.y * groups.x + wid.x) * (64u * PER) + 64u * k + local;
    if (i < u32(N) / 4u) {
      // Not `select`: what was there before the first micro-batch may be anything, NaN included.
      if (first) {
        sum[i] = share * gradients[i];
      } else {
        sum[i] = fma(vec4f(share), gradients[i], sum[i]);
      }
    }
  }
}
