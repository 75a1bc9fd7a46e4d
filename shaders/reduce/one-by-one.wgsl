//! part
//! import reduce/terms
//! needs Lane, term
// Terms that are added one after the other. Gives total(start, terms) -> Lane. Constants: none.
fn total(start: Lane, terms: Terms) -> Lane {
  var sum = start;
  // The constant shows the compiler that the loop ends: it adds no guard.
  for (var k = 0u; k < 0xffffffffu; k++) {
    if (k >= terms.count) {
      break;
    }
    sum += term(terms.first + k * terms.step);
  }
  return sum;
}
