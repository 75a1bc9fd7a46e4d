//! part
//! import math/nan
//! needs Lane
// ReLU and LeakyReLU of a lane: v for v > 0 and SLOPE v otherwise; NaN stays NaN.
// Gives rectified(v) -> Lane; past(at, dy) -> Lane, its gradient at its input or its output, which have one sign: dy or
// SLOPE dy, and dy where that is NaN. Constants: SLOPE (0 for ReLU).
fn rectified(v: Lane) -> Lane {
  return select(v * SLOPE, v, (v > Lane()) | is_nan(v));
}

fn past(at: Lane, dy: Lane) -> Lane {
  return select(dy * SLOPE, dy, (at > Lane()) | is_nan(at));
}
