//! part
//! needs Lane, Line
// Winograd's F(3, 3), three outputs of three taps by five multiplications: points 0, 1, -1, 2 and infinity. The
// functions are those of winograd/f2. Constants: none.

// Bt d
fn ofInputs(v: Line) -> Line {
  let odd = v.d - v.b;
  return Line(
    2.0 * (v.a - v.c) + odd,
    2.0 * v.b + (v.c - v.d),
    3.0 * v.c - (2.0 * v.b + v.d),
    odd,
    (v.e - v.c) - 2.0 * odd,
    Lane(),
  );
}

// G g
fn ofWeights(v: Line) -> Line {
  let ends = v.a + v.c;
  return Line(
    0.5 * v.a,
    0.5 * (ends + v.b),
    (ends - v.b) / 6.0,
    (v.a + 2.0 * v.b + 4.0 * v.c) / 6.0,
    v.c,
    Lane(),
  );
}

// At s
fn toOutputs(v: Line) -> Line {
  let even = v.b + v.c;
  return Line(
    v.a + even + v.d,
    (v.b - v.c) + 2.0 * v.d,
    even + 4.0 * v.d + v.e,
    Lane(),
    Lane(),
    Lane(),
  );
}

// A y
fn ofOutputGrads(v: Line) -> Line {
  let even = v.a + v.c;
  return Line(v.a, even + v.b, even - v.b, v.a + 2.0 * v.b + 4.0 * v.c, v.c, Lane());
}

// Gt s
fn toWeightGrads(v: Line) -> Line {
  let one = 0.5 * v.b;
  let minus = v.c / 6.0;
  let two = v.d / 6.0;
  return Line(
    0.5 * v.a + (one + minus + two),
    (one - minus) + 2.0 * two,
    (one + minus) + 4.0 * two + v.e,
    Lane(),
    Lane(),
    Lane(),
  );
}
