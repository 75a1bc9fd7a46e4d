//! part
//! needs Lane
// The terms of a sum are x. Gives term(at) -> Lane `at` of x. Constants: none.
@group(0) @binding(0) var<storage, read> x: array<Lane>;

fn term(at: u32) -> Lane {
  return x[at];
}
