// Dropout (Srivastava et al. 2014) and, over whole examples, stochastic depth (Huang et al. 2016):
// y = x SCALE where kept, 0 where dropped. The derivative is the same kernel on dy: the mask comes
// from a counter, so it is computed again instead of stored.
// Element (or example) c is dropped where hash(hash(c ^ a) + b) < THRESHOLD, with a = hash(seed + SALT)
// and b = hash(a ^ seed): integers only, so every adapter draws the same mask. hash: the PCG-RXS-M-XS
// permutation of 32 bits (Jarzynski and Olano 2020).
//
// x, y: N contiguous elements; step: see train/next-step.wgsl, the seed is word 2.
// Prelude: N elements, PER quads a thread (graph/elementwise.ts), GROUP elements that share a draw
// (1: each its own), SALT and THRESHOLD (u32), SCALE. One thread for PER quads.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

const QUADS = (u32(N) + 3u) / 4u;

fn hash(seed: vec4u) -> vec4u {
  let state = seed * 747796405u + 2891336453u;
  let word = ((state >> ((state >> vec4u(28u)) + 4u)) ^ state) * 277803737u;
  return (word >> vec4u(22u)) ^ word;
}

fn first_quad(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * (64u * PER) + local;
}

// Zero behind element N, so that the padding of an arena's views stays zero.
fn within(v: vec4f, quad: u32) -> vec4f {
  if (N % 4 == 0) {
    return v;
  }
  return select(vec4f(), v, 4u * quad + vec4u(0u, 1u, 2u, 3u) < vec4u(N));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let seed = vec4u(step[2]);
  let a = hash(seed + vec4u(SALT));
  let b = hash(a ^ seed);
  for (var k = 0u; k < PER; k++) {
    let i = first_quad(wid, groups, local) + 64u * k;
    if (i < QUADS) {
      let counter = (4u * i + vec4u(0u, 1u, 2u, 3u)) / vec4u(GROUP);
      let kept = hash(hash(counter ^ a) + b) >= vec4u(THRESHOLD);
      y[i] = within(select(vec4f(), x[i] * SCALE, kept), i);
    }
  }
}
