//! part
//! needs Lane, dy
// The gradient that arrives at pooling. Gives arriving(at) -> Lane of window `at`. Constants: none.
fn arriving(at: u32) -> Lane {
  return dy[at];
}
