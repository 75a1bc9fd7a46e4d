//! part
// SiLU (swish), y = x s(x) with s the logistic function, and dx = s (1 + x (1 - s)) dy. The gradient is
// taken at the input. Exponentials are only taken of numbers below 0: nothing overflows, whatever the size
// of x. Constants: none.
fn logistic(x: vec4f) -> vec4f {
  // Beyond -87 the exponential would be below the smallest float, and x times it is 0 either way.
  let e = exp(-min(abs(x), vec4f(87.0)));
  return select(e, vec4f(1.0), x > vec4f()) / (1.0 + e);
}

fn value(x: vec4f) -> vec4f {
  return x * logistic(x);
}

fn gradient(x: vec4f, dy: vec4f) -> vec4f {
  let s = logistic(x);
  return s * (1.0 + x * (1.0 - s)) * dy;
}
