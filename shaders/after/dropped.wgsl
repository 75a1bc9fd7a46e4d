//! part
//! import math/drop
// A branch that is dropped at times (math/drop). Gives dropped(v, at) -> vec4f of lane `at`.
// step: as in elementwise/dropout. Constants: EXAMPLES (boolean).
@group(0) @binding(9) var<storage, read> step: array<u32>;
@group(0) @binding(10) var<uniform> draw: Draw;

fn dropped(v: vec4f, at: u32) -> vec4f {
  return drop(v, at, step[2], draw);
}
