//! part
//! needs Lane
// y = FACTOR x, and dx = FACTOR dy. Constants: FACTOR.
fn value(x: Lane) -> Lane {
  return x * FACTOR;
}
