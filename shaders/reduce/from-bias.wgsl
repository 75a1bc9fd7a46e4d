//! part
//! needs Lane, LANES
// A sum that begins with its column's bias. Gives start_of(i) -> Lane, for y [..., C]; b [C].
// Constants: C, a multiple of LANES.
@group(0) @binding(2) var<storage, read> b: array<Lane>;

const_assert u32(C) % LANES == 0u;

fn start_of(i: u32) -> Lane {
  return b[i % (u32(C) / LANES)];
}
