//! part
//! import walk/thread
//! needs Lane, RESULTS, LONGEST, terms_of, start_of
// Sums over arithmetic progressions: y[i] = SCALE * (start_of(i) + x[first] + x[first + step] + …), added in
// this order. One thread a lane of y, in workgroups of 64.
//
// Needs: Lane; RESULTS, lanes of y; terms_of(i: u32) -> Terms, what y[i] adds; LONGEST, the most terms of one;
// start_of(i: u32) -> Lane, what it begins with (reduce/from-zero, reduce/from-bias). Constants: SCALE, a factor.
@group(0) @binding(0) var<storage, read> x: array<Lane>;
@group(0) @binding(1) var<storage, read_write> y: array<Lane>;

struct Terms {
  first: u32,
  step: u32,
  count: u32,
}

@compute @workgroup_size(64)
fn main(thread: Thread) {
  let i = number_of(thread);
  if (i >= RESULTS) {
    return;
  }
  let terms = terms_of(i);
  var sum = start_of(i);
  for (var k = 0u; k < LONGEST; k++) {
    if (k >= terms.count) {
      break;
    }
    sum += x[terms.first + k * terms.step];
  }
  y[i] = SCALE * sum;
}
