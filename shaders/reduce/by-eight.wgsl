//! part
//! import reduce/terms
//! needs Lane, term
// Terms that are added in eight sums, term k in sum k % 8, which a tree joins: for GPUs, where a thread that waits for
// one term before it asks for the next takes a trip to memory for each. Gives total(start, terms) -> Lane, whose start
// the first of the sums begins with. Constants: none.

// x[first + k * step] of the last terms, and nothing past them.
fn last(terms: Terms, done: u32, k: u32) -> Lane {
  let there = done + k < terms.count;
  return select(Lane(), term(terms.first + select(0u, done + k, there) * terms.step), there);
}

fn total(start: Lane, terms: Terms) -> Lane {
  var a = start;
  var b = Lane();
  var c = Lane();
  var d = Lane();
  var e = Lane();
  var f = Lane();
  var g = Lane();
  var h = Lane();
  let rounds = terms.count / 8u;
  // The constant shows the compiler that the loop ends: it adds no guard.
  for (var round = 0u; round < 0xffffffffu; round++) {
    if (round >= rounds) {
      break;
    }
    let at = terms.first + round * 8u * terms.step;
    a += term(at);
    b += term(at + terms.step);
    c += term(at + 2u * terms.step);
    d += term(at + 3u * terms.step);
    e += term(at + 4u * terms.step);
    f += term(at + 5u * terms.step);
    g += term(at + 6u * terms.step);
    h += term(at + 7u * terms.step);
  }
  let done = rounds * 8u;
  a += last(terms, done, 0u);
  b += last(terms, done, 1u);
  c += last(terms, done, 2u);
  d += last(terms, done, 3u);
  e += last(terms, done, 4u);
  f += last(terms, done, 5u);
  g += last(terms, done, 6u);
  return ((a + b) + (c + d)) + ((e + f) + (g + h));
}
