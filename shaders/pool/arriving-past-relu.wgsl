//! part
//! import math/rectify
//! needs Lane, dy
// The gradient that arrives at pooling past the ReLU after it, dy being that of the ReLU's output `made`.
// Gives arriving(at) -> Lane of window `at`. made as y. Constants: SLOPE (0 for ReLU).
@group(0) @binding(6) var<storage, read> made: array<Lane>;

fn arriving(at: u32) -> Lane {
  return past(made[at], dy[at]);
}
