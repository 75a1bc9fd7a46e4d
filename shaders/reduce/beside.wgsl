//! part
//! needs Lane, Sizes
// A launch of two sums that know nothing of each other: the first of x into y, in `before` workgroups, the second of x_too
// into y_too. Gives what reduce/alone gives, and term(at), as reduce/as-stored: to the same bits as two launches.
// Constants: none.
@group(0) @binding(0) var<storage, read> x: array<Lane>;
@group(0) @binding(1) var<storage, read_write> y: array<Lane>;
@group(0) @binding(4) var<storage, read> x_too: array<Lane>;
@group(0) @binding(5) var<storage, read_write> y_too: array<Lane>;
@group(0) @binding(6) var<uniform> sizes_too: Sizes;
@group(0) @binding(7) var<uniform> sizes: Sizes;
@group(0) @binding(9) var<uniform> before: u32;

var<private> second: bool;

// Every thread calls it first.
fn group_in_job(group: u32) -> u32 {
  second = group >= before;
  return group - select(0u, before, second);
}

fn job() -> Sizes {
  if (second) {
    return sizes_too;
  }
  return sizes;
}

fn term(at: u32) -> Lane {
  if (second) {
    return x_too[at];
  }
  return x[at];
}

fn put(i: u32, value: Lane) {
  if (second) {
    y_too[i] = value;
  } else {
    y[i] = value;
  }
}
