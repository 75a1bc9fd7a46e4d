//! part
// A branch that always counts. Gives dropped(v, at) -> vec4f. Constants: none.
fn dropped(v: vec4f, at: u32) -> vec4f {
  return v;
}
