//! part
//! import math/nan
//! needs Lane
// What becomes of a result before it is stored: ReLU or LeakyReLU, v for v > 0 and SLOPE v otherwise; NaN stays NaN.
// Gives after(v) -> Lane. Constants: SLOPE (0 for ReLU).
fn after(v: Lane) -> Lane {
  return select(v * SLOPE, v, (v > Lane()) | is_nan(v));
}
