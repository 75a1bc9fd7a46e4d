//! part
// A hash of 32 bits: the PCG-RXS-M-XS permutation (O'Neill 2014; Jarzynski and Olano 2020). Random numbers
// are hashes of counters, in integers only: every adapter draws the same ones, and a replay repeats them.
// Constants: none.
fn hash4(seed: vec4u) -> vec4u {
  let state = seed * 747796405u + 2891336453u;
  let word = ((state >> ((state >> vec4u(28u)) + 4u)) ^ state) * 277803737u;
  return (word >> vec4u(22u)) ^ word;
}

fn hash(seed: u32) -> u32 {
  return hash4(vec4u(seed)).x;
}
