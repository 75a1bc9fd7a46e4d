//! import predict/coordinate, predict/base
// Linear extrapolation, the baseline of every learned predictor:
//   residual = -HORIZON (newest - oldest) / (WINDOW - 1); predicted = base + residual.
// Constants: WINDOW snapshots, HORIZON (epochs back; negative looks forward), BASE.
fn prediction(at: u32) -> f32 {
  let oldest = snapshot(0u, at);
  let newest = snapshot(u32(WINDOW - 1), at);
  return base_of(oldest, newest) - f32(HORIZON) * (newest - oldest) / f32(WINDOW - 1);
}
