//! part
//! needs gradient
// What becomes of a gradient before it is stored: that of the input of a function (shaders/elementwise), taken at
// `taken_at`, its input or its output, whichever the function's file names. Gives after(v, at), as after/nothing, for
// lanes of four. taken_at: as what is stored. Constants: none.
@group(0) @binding(6) var<storage, read> taken_at: array<vec4f>;

fn after(v: vec4f, at: u32) -> vec4f {
  return gradient(taken_at[at], v);
}
