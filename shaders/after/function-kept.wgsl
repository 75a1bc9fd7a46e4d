//! part
//! needs value
// What becomes of a result before it is stored: a function of it (shaders/elementwise); what it is a function of is
// stored as well, in `before`, for its gradient. Gives after(v, at), as after/nothing, for lanes of four.
// before: as what is stored. Constants: none.
@group(0) @binding(6) var<storage, read_write> before: array<vec4f>;

fn after(v: vec4f, at: u32) -> vec4f {
  before[at] = v;
  return value(v);
}
