//! part
// Activations that the predictors share. Gives leaky and safe_tanh. Constants: none.

// Leaky rectifier of slope 0.3.
fn leaky(x: vec4f) -> vec4f {
  return max(x, 0.3 * x);
}

// tanh with full relative accuracy near 0, where the built-in may lose it; NaN where x is not finite, so
// that an overflow is noticed instead of saturating to a residual of 1.
fn safe_tanh(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) {
    return bitcast<f32>(bits | 0x7fc00000u);
  }
  let size = abs(x);
  if (size < 0.25) {
    let s = x * x;
    return x * (1.0 + s * (-0.33333333 + s * (0.13333333 + s * (-0.053968254 + s * 0.021869488))));
  }
  return sign(x) * (1.0 - 2.0 / (exp(2.0 * min(size, 16.0)) + 1.0));
}
