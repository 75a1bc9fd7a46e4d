//! part
//! needs Lane, LaneU, LaneB
// Whether floats are NaN, told by their bits: a kernel may be compiled as if there were no NaN, so that comparisons
// with one, max and clamp promise nothing. Gives: is_nan. Constants: none.
fn is_nan(v: Lane) -> LaneB {
  return (bitcast<LaneU>(v) & LaneU(0x7fffffffu)) > LaneU(0x7f800000u);
}
