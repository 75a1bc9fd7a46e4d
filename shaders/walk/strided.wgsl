//! part
//! import walk/each
//! needs Lane, LANES, element
// The lanes of y [N / (D1 D2 D3), D1, D2, D3], and of an operand a that is repeated to its shape: element
// (i0, i1, i2, i3) of a lies at i0 A0 + i1 A1 + i2 A2 + i3 A3. Strides count floats and are 0 on axes where
// the operand is repeated; A3 is 0 or 1. Lanes of four take a D3 that is a multiple of 4.
// Constants: N elements, D1, D2, D3, A0 to A3; PER lanes a thread.
@group(0) @binding(0) var<storage, read> a: array<Lane>;

fn items() -> u32 {
  return u32(N) / LANES;
}
const LANES_A_ROW = u32(D3) / LANES;
const_assert u32(D3) % LANES == 0u;

// Coordinates of a lane's first element.
fn place(i: u32) -> vec4u {
  let row = i / LANES_A_ROW;
  return vec4u(row / u32(D1 * D2), row / u32(D2) % u32(D1), row % u32(D2), LANES * (i % LANES_A_ROW));
}

// Where the element at p lies in an operand of these strides.
fn offset(p: vec4u, strides: vec4u) -> u32 {
  return p.x * strides.x + p.y * strides.y + p.z * strides.z + p.w * strides.w;
}

// The operand's lane that holds element `at`, or that element repeated where the last axis is.
fn repeated(lane: Lane, at: u32, last_stride: u32) -> Lane {
  return select(lane, Lane(element(lane, at)), last_stride == 0u);
}

fn a_at(p: vec4u) -> Lane {
  let at = offset(p, vec4u(A0, A1, A2, A3));
  return repeated(a[at / LANES], at, u32(A3));
}
