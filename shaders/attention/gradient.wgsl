//! part
//! import attention/rows
//! needs inner, hidden, OTHER, QUERIES_OWN, own_rows, other_rows, norm_of, put
// Gradients of fused attention, the walk. The probability of a query and a key is made again as
// p = exp(SCALE q . k - lse), and w = SCALE p (dy . v - delta) is the gradient with respect to q . k.
// A thread keeps R rows of its own sequence and adds up over a slice of the other one, for each own row:
//   weighted = sum of w times the score row of the other, plain = sum of p times its gain row,
// where the score rows of a query and a key are q and k, their gain rows dy and v.
//
// Needs, beside what attention/rows does: inner; OTHER, the length of the other sequence; QUERIES_OWN, whether the
// queries are the own sequence; own_rows(at), other_rows(at) -> Rows in memory; norm_of(tile, query) -> Norm;
// put(at, weighted, plain), which stores a lane.
// Constants: those of attention/rows; SPAN, the rows of a slice.

// A lane of a score row and of the gain row that belongs to it.
struct Rows {
  score: Lane,
  gain: Lane,
}

// lse and delta of a query.
struct Norm {
  lse: f32,
  delta: f32,
}

const_assert u32(SLICES) * u32(SPAN) >= OTHER;

fn attend(tile: Tile) {
  var rows: array<Rows, CELLS>;
  var weighted: array<Lane, CELLS>;
  var plain: array<Lane, CELLS>;
  var norms: array<Norm, R>;
  for (var r = 0u; r < u32(R) + hidden; r++) {
    let position = min(tile.row + r, OWN - 1u);
    let at = row_at(tile, position, OWN);
    for (var c = 0u; c < WIDTH + hidden; c++) {
      let own = own_rows(at + c);
      rows[r * WIDTH + c] = Rows(SCALE * own.score, own.gain);
    }
    if (QUERIES_OWN) {
      norms[r] = norm_of(tile, position);
    }
  }
  // Queries see all keys: a constant, so that the test for the end folds away.
  let slice = select(tile.slice, 0u, QUERIES_OWN);
  for (var step = hidden; step < u32(SPAN); step++) {
    let other = slice * u32(SPAN) + step;
    if (other >= OTHER) {
      break;
    }
    let at = row_at(tile, other, OTHER);
    var score = array<f32, R>();
    var gain = array<f32, R>();
    for (var c = 0u; c < WIDTH; c++) {
      let theirs = other_rows(at + c);
      for (var r = 0u; r < u32(R); r++) {
        score[r] += inner(rows[r * WIDTH + c].score, theirs.score);
        gain[r] += inner(rows[r * WIDTH + c].gain, theirs.gain);
      }
    }
    var norm = Norm();
    if (!QUERIES_OWN) {
      norm = norm_of(tile, other);
    }
    for (var r = 0u; r < u32(R); r++) {
      if (QUERIES_OWN) {
        norm = norms[r];
      }
      score[r] = exp(score[r] - norm.lse);
      gain[r] = SCALE * score[r] * (gain[r] - norm.delta);
    }
    for (var c = 0u; c < WIDTH; c++) {
      let theirs = other_rows(at + c);
      for (var r = 0u; r < u32(R); r++) {
        weighted[r * WIDTH + c] += gain[r] * theirs.score;
        plain[r * WIDTH + c] += score[r] * theirs.gain;
      }
    }
  }
  for (var r = 0u; r < u32(R) + hidden; r++) {
    let position = tile.row + r;
    if (position < OWN) {
      let at = tile.slice * u32(B * HEADS) * OWN * WIDTH + row_at(tile, position, OWN);
      for (var c = 0u; c < WIDTH + hidden; c++) {
        put(at + c, weighted[r * WIDTH + c], plain[r * WIDTH + c]);
      }
    }
  }
}
