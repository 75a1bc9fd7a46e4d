//! part
// ReLU and LeakyReLU: y = x for x > 0, SLOPE x otherwise; dx = dy or SLOPE dy by the sign of y. The
// derivative is taken at the output: SLOPE >= 0, so y is positive exactly where x is.
// Constants: SLOPE (0 for ReLU).
fn value(x: vec4f) -> vec4f {
  return select(x * SLOPE, x, x > vec4f());
}

fn derivative(y: vec4f) -> vec4f {
  return select(vec4f(SLOPE), vec4f(1.0), y > vec4f());
}
