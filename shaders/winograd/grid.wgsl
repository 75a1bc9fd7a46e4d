//! part
//! import walk/thread
//! needs Lane, IN, OUT, line, at, put
// A transform of Winograd's convolution: R X transpose(R) of a square X of lanes, all in registers.
//
// Reads X through at(row, column), IN each way, multiplies its rows and then its columns by R, which is line(), and
// writes the result through put(row, column, value), OUT each way. Constants: none of its own.

// A row or a column of up to six lanes; those past its end are 0, and the compiler leaves them out.
struct Line {
  a: Lane,
  b: Lane,
  c: Lane,
  d: Lane,
  e: Lane,
  f: Lane,
}

// Not an array that a loop runs over: that would lie in memory.
struct Grid {
  a: Line,
  b: Line,
  c: Line,
  d: Line,
  e: Line,
  f: Line,
}

fn transposed(g: Grid) -> Grid {
  return Grid(
    Line(g.a.a, g.b.a, g.c.a, g.d.a, g.e.a, g.f.a),
    Line(g.a.b, g.b.b, g.c.b, g.d.b, g.e.b, g.f.b),
    Line(g.a.c, g.b.c, g.c.c, g.d.c, g.e.c, g.f.c),
    Line(g.a.d, g.b.d, g.c.d, g.d.d, g.e.d, g.f.d),
    Line(g.a.e, g.b.e, g.c.e, g.d.e, g.e.e, g.f.e),
    Line(g.a.f, g.b.f, g.c.f, g.d.f, g.e.f, g.f.f),
  );
}

fn lines(g: Grid) -> Grid {
  return Grid(line(g.a), line(g.b), line(g.c), line(g.d), line(g.e), line(g.f));
}

fn lane(row: u32, column: u32) -> Lane {
  var v = Lane();
  if (row < IN && column < IN) {
    v = at(row, column);
  }
  return v;
}

fn rowOf(row: u32) -> Line {
  return Line(
    lane(row, 0u),
    lane(row, 1u),
    lane(row, 2u),
    lane(row, 3u),
    lane(row, 4u),
    lane(row, 5u),
  );
}

fn keep(row: u32, column: u32, v: Lane) {
  if (row < OUT && column < OUT) {
    put(row, column, v);
  }
}

fn store(row: u32, v: Line) {
  keep(row, 0u, v.a);
  keep(row, 1u, v.b);
  keep(row, 2u, v.c);
  keep(row, 3u, v.d);
  keep(row, 4u, v.e);
  keep(row, 5u, v.f);
}

fn transform() {
  let rows = lines(Grid(rowOf(0u), rowOf(1u), rowOf(2u), rowOf(3u), rowOf(4u), rowOf(5u)));
  let g = transposed(lines(transposed(rows)));
  store(0u, g.a);
  store(1u, g.b);
  store(2u, g.c);
  store(3u, g.d);
  store(4u, g.e);
  store(5u, g.f);
}
