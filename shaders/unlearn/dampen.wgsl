//! import walk/each
// Selective synaptic dampening of one parameter: y = original · min(λ I / I_f, 1) where I_f > α I, else the original.
// I_f = forget / FORGET and I = SHARE I_f + (1 - SHARE) retain / RETAIN: importances over D_f and over all data.
//
// y, original, forget, retain: N elements, the latter two sums of squared gradients; settings: α, λ.
// Constants: N, FORGET and RETAIN images summed over, SHARE of D_f among all images. One thread an element.
// Source: Foster, Schoepf, Brintrup (2024).
@group(0) @binding(0) var<storage, read> original: array<f32>;
@group(0) @binding(1) var<storage, read> forget: array<f32>;
@group(0) @binding(2) var<storage, read> retain: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(N);
}

fn each(i: u32) {
  let own = forget[i] / f32(FORGET);
  let all = SHARE * own + (1.0 - SHARE) * (retain[i] / f32(RETAIN));
  var factor = 1.0;
  if (own > settings[0] * all) {
    factor = min(settings[1] * all / own, 1.0);
  }
  y[i] = original[i] * factor;
}
