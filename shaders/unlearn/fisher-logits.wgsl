//! import walk/each, math/log-sum-exp, math/hash
// A gradient in the logits z of one image whose square, in the parameters, is a part of the Fisher information's
// diagonal: of the sum over classes k of s_k √p_k times -log p_k,
//   dz_c = p_c sum over k != c of s_k √p_k - s_c √p_c sum over k != c of p_k,
// where 1 - p_c is added up from the others: where the network is sure it would be 0 in 32 bits.
// SIGNS: s_k is 1 or -1 by the step's seed, for all classes; otherwise 1 for the class that the seed names, and 0.
//
// z, dz [1, C]; step: see train/next-step. Constants: C classes, SIGNS. One thread a class.
@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> dz: array<f32>;

alias Logit = f32;
const T = 1.0;
const PER = 1u;

fn items() -> u32 {
  return u32(C);
}

fn logit(b: u32, c: u32) -> f32 {
  return z[b * u32(C) + c];
}

fn part(k: u32) -> f32 {
  if (SIGNS) {
    return select(-1.0, 1.0, (hash(hash(step[2]) ^ k) >> 31u) == 1u);
  }
  return select(0.0, 1.0, k == step[2]);
}

fn each(c: u32) {
  let row = exponentials(0u);
  var others = 0.0;
  var rest = 0.0;
  for (var k = 0u; k < u32(C); k++) {
    if (k != c) {
      // √p by half the exponent: it is still there where p underflows.
      others += part(k) * exp(0.5 * (logit(0u, k) - row.top));
      rest += exp(logit(0u, k) - row.top);
    }
  }
  let own = logit(0u, c) - row.top;
  let root = sqrt(row.sum);
  dz[c] = exp(own) / row.sum * (others / root) - part(c) * exp(0.5 * own) / root * (rest / row.sum);
}
