//! part
//! needs Lane, Sizes
// A launch of one sum. Gives job() -> Sizes, its sizes; group_in_job(group) -> u32, the number of a workgroup within it;
// put(i, value), which stores y[i]. Constants: none.
@group(0) @binding(1) var<storage, read_write> y: array<Lane>;
@group(0) @binding(7) var<uniform> sizes: Sizes;

fn group_in_job(group: u32) -> u32 {
  return group;
}

fn job() -> Sizes {
  return sizes;
}

fn put(i: u32, value: Lane) {
  y[i] = value;
}
