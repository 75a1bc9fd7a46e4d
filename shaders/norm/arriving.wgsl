//! part
//! needs dy
// The gradient that arrives at batch normalisation. Gives arriving(at, c) -> f32 of element `at` of channel c.
// Constants: none.
fn arriving(at: u32, c: u32) -> f32 {
  return dy[at];
}
