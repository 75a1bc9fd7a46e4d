//! part
//! needs value
// What becomes of a result before it is stored: a function of it (shaders/elementwise). Gives after(v, at), as
// after/nothing, for lanes of four. Constants: none.
fn after(v: vec4f, at: u32) -> vec4f {
  return value(v);
}
