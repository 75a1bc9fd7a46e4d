//! import predict/coordinate
// The mean of the window: predicted = sum of snapshots / WINDOW. Constants: WINDOW.
fn prediction(at: u32) -> f32 {
  var sum = 0.0;
  for (var k = 0u; k < WINDOW; k++) {
    sum += snapshot(k, at);
  }
  return sum / f32(WINDOW);
}
