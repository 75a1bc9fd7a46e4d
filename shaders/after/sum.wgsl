//! part
//! needs scaled, dropped
// What becomes of a result before it is stored: the branch of a residual block, or a gradient beside another, is added
// to what was there: residual + dropped(scaled(v)). Gives after(v, at), as after/nothing, for lanes of four.
// residual: as what is stored. Constants: none.
@group(0) @binding(7) var<storage, read> residual: array<vec4f>;

fn after(v: vec4f, at: u32) -> vec4f {
  return residual[at] + dropped(scaled(v, at), at);
}
