//! part
//! needs BASE
// What a residual is added to. Constants: BASE (0 the oldest snapshot, 1 the newest, 2 nothing).
fn base_of(oldest: f32, newest: f32) -> f32 {
  if (BASE == 0) {
    return oldest;
  }
  if (BASE == 1) {
    return newest;
  }
  return 0.0;
}
