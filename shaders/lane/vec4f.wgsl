//! part
// Lanes of four floats, for axes that are a multiple of 4: names and meaning as in lane/f32.
// Constants: none.
alias Lane = vec4f;
alias LaneU = vec4u;
alias LaneB = vec4<bool>;

const LANES = 4u;

fn inner(a: Lane, b: Lane) -> f32 {
  return dot(a, b);
}

fn element(v: Lane, i: u32) -> f32 {
  return v[i % 4u];
}
