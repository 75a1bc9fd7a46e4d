//! part
//! needs Lane, Line
// Winograd's F(4, 3), four outputs of three taps by six multiplications: points 0, 1, -1, 1/2, -2 and infinity, which
// lose a third less than 0, 1, -1, 2, -2 and infinity. The functions are those of winograd/f2. Constants: none.

// Bt d
fn ofInputs(v: Line) -> Line {
  let odd = v.d - v.b;
  return Line(
    (v.a + v.e) + 1.5 * odd - 2.0 * v.c,
    (v.e - v.b) + 0.5 * v.c + 2.5 * v.d,
    2.5 * v.c - (v.b + v.e) - 0.5 * v.d,
    (v.c - v.e) - 2.0 * odd,
    (v.e - v.c) - 0.5 * odd,
    (v.b + v.f) + 1.5 * (v.e - v.c) - 2.0 * v.d,
  );
}

// G g
fn ofWeights(v: Line) -> Line {
  let ends = v.a + v.c;
  return Line(
    v.a,
    (ends + v.b) / 3.0,
    (ends - v.b) / 3.0,
    (16.0 * v.a + 8.0 * v.b + 4.0 * v.c) / 15.0,
    (v.a - 2.0 * v.b + 4.0 * v.c) / 15.0,
    v.c,
  );
}

// At s
fn toOutputs(v: Line) -> Line {
  let even = v.b + v.c;
  let odd = v.b - v.c;
  return Line(
    (v.a + even) + (v.d + v.e),
    odd + 0.5 * v.d - 2.0 * v.e,
    even + 0.25 * v.d + 4.0 * v.e,
    odd + 0.125 * v.d - 8.0 * v.e + v.f,
    Lane(),
    Lane(),
  );
}

// A y
fn ofOutputGrads(v: Line) -> Line {
  let even = v.a + v.c;
  let odd = v.b + v.d;
  return Line(
    v.a,
    even + odd,
    even - odd,
    v.a + 0.5 * v.b + 0.25 * v.c + 0.125 * v.d,
    v.a - 2.0 * v.b + 4.0 * v.c - 8.0 * v.d,
    v.d,
  );
}

// Gt s
fn toWeightGrads(v: Line) -> Line {
  let one = v.b / 3.0;
  let minus = v.c / 3.0;
  let half = v.d / 15.0;
  let two = v.e / 15.0;
  return Line(
    v.a + (one + minus) + 16.0 * half + two,
    (one - minus) + 8.0 * half - 2.0 * two,
    (one + minus) + 4.0 * (half + two) + v.f,
    Lane(),
    Lane(),
    Lane(),
  );
}
