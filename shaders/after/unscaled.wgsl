//! part
// A branch without a scale. Gives scaled(v, at) -> vec4f. Constants: none.
fn scaled(v: vec4f, at: u32) -> vec4f {
  return v;
}
