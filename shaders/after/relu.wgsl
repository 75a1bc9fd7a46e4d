//! part
//! import math/rectify
//! needs Lane
// What becomes of a result before it is stored: ReLU or LeakyReLU. Gives after(v, at) -> Lane, as after/nothing.
// Constants: SLOPE (0 for ReLU).
fn after(v: Lane, at: u32) -> Lane {
  return rectified(v);
}
