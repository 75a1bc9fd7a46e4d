//! part
//! import math/nan
//! needs Lane, LaneU
// The largest of a window's pixels and which it is: the first on ties; NaN counts as larger than any number.
// Gives Taken, start_of (see pool/windows) and take(taken, pixel, tap). Constants: none.
struct Taken {
  best: Lane,
  tap: LaneU,
}

fn start_of(pixel: Lane, tap: u32) -> Taken {
  return Taken(pixel, LaneU(tap));
}

fn take(taken: Taken, pixel: Lane, tap: u32) -> Taken {
  let wins = ((pixel > taken.best) | is_nan(pixel)) & !is_nan(taken.best);
  return Taken(select(taken.best, pixel, wins), select(taken.tap, LaneU(tap), wins));
}
