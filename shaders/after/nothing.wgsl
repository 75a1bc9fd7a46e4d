//! part
//! needs Lane
// What becomes of a result before it is stored: nothing. Gives after(v) -> Lane. Constants: none.
fn after(v: Lane) -> Lane {
  return v;
}
