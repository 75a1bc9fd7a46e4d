//! part
// Lanes of one float: a thread's unit where an axis is no multiple of 4. lane/vec4f declares the same names,
// so a kernel of Lanes is written once and the launch picks one of the two.
// Lane() is zero and Lane(v) is v in every float, as both are types; LaneU and LaneB hold u32 and bool.
// Gives: Lane, LaneU, LaneB; LANES floats a lane; inner, element. Constants: none.
alias Lane = f32;
alias LaneU = u32;
alias LaneB = bool;

const LANES = 1u;

// Inner product; inner(v, Lane(1.0)) is the sum of v's floats.
fn inner(a: Lane, b: Lane) -> f32 {
  return a * b;
}

// Float i % LANES of a lane.
fn element(v: Lane, i: u32) -> f32 {
  return v;
}
