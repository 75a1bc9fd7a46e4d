//! part
//! import data/pixels
// Stored bytes as values in [0, 1]. Constants: those of data/pixels.
fn stored(i: u32) -> f32 {
  return f32(byte(i)) / 255.0;
}
