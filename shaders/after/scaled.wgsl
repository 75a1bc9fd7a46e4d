//! part
//! needs sizes
// A branch whose columns have a scale each (layer scale, Touvron et al. 2021). Gives scaled(v, at) -> vec4f of lane `at`.
// column_scale [n]. Constants: none.
@group(0) @binding(8) var<storage, read> column_scale: array<vec4f>;

fn scaled(v: vec4f, at: u32) -> vec4f {
  return v * column_scale[at % (sizes.n / 4u)];
}
