//! part
// Softsign: y = x / (1 + |x|); dx = dy / (1 + |x|)². The gradient is taken at the input. Constants: none.
fn value(x: vec4f) -> vec4f {
  return x / (1.0 + abs(x));
}

fn gradient(x: vec4f, dy: vec4f) -> vec4f {
  let d = 1.0 + abs(x);
  return dy / (d * d);
}
