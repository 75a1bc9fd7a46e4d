//! part
//! import lane/f32
// A sum that begins with its column's bias, in lanes of one float. Gives start_of(i) -> f32, for y [..., columns];
// b [columns]. Constants: none.
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(8) var<uniform> columns: u32;

fn start_of(i: u32) -> Lane {
  return b[i % columns];
}
