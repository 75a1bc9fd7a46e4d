//! part
//! import walk/strided
//! needs value
// A function of two values under NumPy's broadcasting: y = value(a, b); see walk/strided.
// Constants: those of walk/strided, and B0 to B3, the strides of b.
// The importing file declares value(a: Lane, b: Lane) -> Lane.
@group(0) @binding(1) var<storage, read> b: array<Lane>;
@group(0) @binding(2) var<storage, read_write> y: array<Lane>;

fn b_at(p: vec4u) -> Lane {
  let at = offset(p, vec4u(B0, B1, B2, B3));
  return repeated(b[at / LANES], at, u32(B3));
}

fn each(i: u32) {
  let p = place(i);
  y[i] = value(a_at(p), b_at(p));
}
