//! part
// y = exp(x); dx = y dy. The gradient is taken at the output. Constants: none.
fn value(x: vec4f) -> vec4f {
  return exp(x);
}

fn gradient(y: vec4f, dy: vec4f) -> vec4f {
  return y * dy;
}
