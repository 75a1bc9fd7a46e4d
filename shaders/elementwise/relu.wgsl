//! part
//! import math/rectify, lane/vec4f
// ReLU and LeakyReLU: y = x for x > 0, SLOPE x otherwise; dx = dy or SLOPE dy by the sign of y. The
// gradient is taken at the output: SLOPE >= 0, so y is positive exactly where x is. NaN stays NaN, and gives dy.
// Constants: SLOPE (0 for ReLU).
fn value(x: vec4f) -> vec4f {
  return rectified(x);
}

fn gradient(y: vec4f, dy: vec4f) -> vec4f {
  return past(y, dy);
}
