//! part
//! needs C, T, Logit, logit
// Sums of exponentials over a row of logits, with the largest logit taken out, so that nothing overflows.
// Constants: C classes; T, the temperature. The importing file declares the type Logit, f32 or a vector of
// floats where several rows are summed at once, and logit(b: u32, c: u32) -> Logit.
struct Exponentials {
  // Largest logit.
  top: Logit,
  // Sum of exp((logit - top) / T), at least 1.
  sum: Logit,
}

// Those of row b.
fn exponentials(b: u32) -> Exponentials {
  var top = logit(b, 0u);
  for (var c = 1u; c < u32(C); c++) {
    top = max(top, logit(b, c));
  }
  var sum = Logit();
  for (var c = 0u; c < u32(C); c++) {
    sum += exp((logit(b, c) - top) / T);
  }
  return Exponentials(top, sum);
}
