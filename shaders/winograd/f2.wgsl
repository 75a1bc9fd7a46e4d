//! part
//! needs Lane, Line
// Winograd's F(2, 3), two outputs of three taps by four multiplications: points 0, 1, -1 and infinity.
//
// With d four inputs, g three weights and y two outputs, y = At (G g * Bt d). Gives the three matrices and the
// transposes that gradients need, each as a function of a line. Constants: none.

// Bt d
fn ofInputs(v: Line) -> Line {
  return Line(v.a - v.c, v.b + v.c, v.c - v.b, v.d - v.b, Lane(), Lane());
}

// G g
fn ofWeights(v: Line) -> Line {
  let ends = 0.5 * (v.a + v.c);
  let middle = 0.5 * v.b;
  return Line(v.a, ends + middle, ends - middle, v.c, Lane(), Lane());
}

// At s
fn toOutputs(v: Line) -> Line {
  return Line(v.a + (v.b + v.c), (v.b - v.c) + v.d, Lane(), Lane(), Lane(), Lane());
}

// A y
fn ofOutputGrads(v: Line) -> Line {
  return Line(v.a, v.a + v.b, v.a - v.b, v.b, Lane(), Lane());
}

// Gt s
fn toWeightGrads(v: Line) -> Line {
  let ends = 0.5 * (v.b + v.c);
  return Line(v.a + ends, 0.5 * (v.b - v.c), ends + v.d, Lane(), Lane(), Lane());
}
