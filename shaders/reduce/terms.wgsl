//! part
//! needs LANES, job
// Sums over the middle axis of x [outer, axis, inner] into y [outer, slices, inner]; inner is a multiple of LANES.
// Gives Sizes, of a uniform, so that one kernel serves all shapes (reduce/alone, reduce/beside); Terms, which elements of x a sum
// adds; width() -> u32, lanes of a row. What a lane of x is, term(at) says (reduce/as-stored, reduce/of-product).
// Constants: none.
struct Sizes {
  outer: u32,
  axis: u32,
  inner: u32,
  slices: u32,
  scale: f32,
}

// x[first], x[first + step], … of count terms.
struct Terms {
  first: u32,
  step: u32,
  count: u32,
}

// Lanes of a row of x and of y.
fn width() -> u32 {
  return job().inner / LANES;
}
