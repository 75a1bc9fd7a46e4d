//! part
//! import math/nan, lane/vec4f
// y = tanh(x); dx = (1 - y) (1 + y) dy. The gradient is taken at the output. Constants: none.
// The builtin is not used: it may be computed as a quotient of exponentials, which has no correct digit left
// for |x| around 1e-7. Below 0.5: Lambert's continued fraction x / (1 + x^2 / (3 + x^2 / (5 + ...))), five
// levels, relative error 9e-11 before rounding. Above: 1 - 2 / (exp(2 |x|) + 1), with |x| capped where the
// result has rounded to 1, so that the exponential stays finite. sign(x) may be 0 for NaN, which is taken as it is.
fn value(x: vec4f) -> vec4f {
  let s = min(x * x, vec4f(1.0));
  let small = x * (945.0 + s * (105.0 + s)) / (945.0 + s * (420.0 + 15.0 * s));
  let large = 1.0 - 2.0 / (exp(2.0 * min(abs(x), vec4f(10.0))) + 1.0);
  return select(sign(x) * large, small, (abs(x) < vec4f(0.5)) | is_nan(x));
}

fn gradient(y: vec4f, dy: vec4f) -> vec4f {
  return (1.0 - y) * (1.0 + y) * dy;
}
