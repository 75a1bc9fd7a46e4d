//! part
//! needs Lane
// What becomes of a result before it is stored: nothing. Gives after(v, at) -> Lane of lane `at` of what is stored.
// Constants: none.
fn after(v: Lane, at: u32) -> Lane {
  return v;
}
