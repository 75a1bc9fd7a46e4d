//! part
//! needs Lane
// y = a b. Constants: none.
fn value(a: Lane, b: Lane) -> Lane {
  return a * b;
}
