//! part
//! needs sizes
// As after/scaled; what is scaled is stored as well, in `before`, for the gradient of its scale. before: as what is
// stored. Constants: none.
@group(0) @binding(6) var<storage, read_write> before: array<vec4f>;
@group(0) @binding(8) var<storage, read> column_scale: array<vec4f>;

fn scaled(v: vec4f, at: u32) -> vec4f {
  before[at] = v;
  return v * column_scale[at % (sizes.n / 4u)];
}
