//! part
//! import walk/thread
//! needs Lane, LANES, terms_of, start_of
// Sums over the middle axis of x [outer, axis, inner], one stage: y [outer, slices, inner] of
//   y[i] = scale * (start_of(i) + x[first] + x[first + step] + …), added in this order.
// One thread a lane of y, in workgroups of 64.
//
// Needs: Lane, of which inner is a multiple; terms_of(i: u32) -> Terms, what y[i] adds; start_of(i: u32) -> Lane,
// what it begins with (reduce/from-zero, reduce/from-bias). Constants: none. Sizes stand in a uniform, so that one
// kernel serves all shapes.
struct Sizes {
  outer: u32,
  axis: u32,
  inner: u32,
  slices: u32,
  scale: f32,
}

struct Terms {
  first: u32,
  step: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Lane>;
@group(0) @binding(1) var<storage, read_write> y: array<Lane>;
@group(0) @binding(7) var<uniform> sizes: Sizes;

// Lanes of a row of x and of y.
fn width() -> u32 {
  return sizes.inner / LANES;
}

@compute @workgroup_size(64)
fn main(thread: Thread) {
  let i = number_of(thread);
  if (i >= sizes.outer * sizes.slices * width()) {
    return;
  }
  let terms = terms_of(i);
  var sum = start_of(i);
  // The constant shows the compiler that the loop ends: it adds no guard.
  for (var k = 0u; k < 0xffffffffu; k++) {
    if (k >= terms.count) {
      break;
    }
    sum += x[terms.first + k * terms.step];
  }
  y[i] = sizes.scale * sum;
}
