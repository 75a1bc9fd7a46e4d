//! part
//! import lane/f32
// What becomes of a result before it is stored, in lanes of one float: nothing. Gives after(v) -> f32. Constants: none.
fn after(v: Lane) -> Lane {
  return v;
}
