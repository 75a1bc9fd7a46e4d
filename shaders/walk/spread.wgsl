//! part
//! import walk/strided
//! needs value
// A function of a, repeated to the shape of y: y = value(a); see walk/strided.
// Constants: those of walk/strided. The importing file declares value(a: Lane) -> Lane.
@group(0) @binding(1) var<storage, read_write> y: array<Lane>;

fn each(i: u32) {
  y[i] = value(a_at(place(i)));
}
