//! part
//! needs Lane
// The terms of a sum are products, a b. Gives term(at) -> Lane `at` of them. a, b: of the shape that x would have.
// Constants: none.
@group(0) @binding(0) var<storage, read> a: array<Lane>;
@group(0) @binding(3) var<storage, read> b: array<Lane>;

fn term(at: u32) -> Lane {
  return a[at] * b[at];
}
