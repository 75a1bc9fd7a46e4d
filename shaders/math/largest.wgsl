//! part
//! needs C, logit
// The class of a row's largest logit, the first of equals. Constants: C classes, 2 or more.
// The importing file declares logit(b: u32, c: u32) -> f32.

// Largest logit of row b among the classes other than `without`; C leaves none out.
fn largest(b: u32, without: u32) -> u32 {
  var best = select(0u, 1u, without == 0u);
  var highest = logit(b, best);
  for (var c = best + 1u; c < u32(C); c++) {
    let z = logit(b, c);
    if (z > highest && c != without) {
      highest = z;
      best = c;
    }
  }
  return best;
}
