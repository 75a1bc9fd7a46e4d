//! import loss/rows
// Softmax cross-entropy of rows z_b with labels and weights, the targets smoothed by s (Szegedy et al.
// 2016): target[c] = (1 - s) [c = label] + s / C.
// forward: losses[b] = log sum exp z_b - sum of target[c] z_b[c]; weighted[b] = weights[b] losses[b].
// backward: dlogits[b, c] = dloss weights[b] (softmax(z_b)[c] - target[c]).
//
// logits, dlogits [B, C]; labels u32 [B]; losses [B]; the rest: see loss/rows.
// Constants: B rows, C classes, SMOOTHING (s).
@group(0) @binding(3) var<storage, read> logits: array<f32>;
@group(0) @binding(4) var<storage, read> labels: array<u32>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;
@group(0) @binding(6) var<storage, read_write> dlogits: array<f32>;

alias Logit = f32;
const T = 1.0;

fn logit(b: u32, c: u32) -> f32 {
  return logits[b * u32(C) + c];
}

fn statistics(b: u32) -> Exponentials {
  return exponentials(b);
}

fn loss(b: u32, row: Exponentials) -> f32 {
  // Differences of logits first: the logarithm would be lost beside a large logit.
  var value = log(row.sum) + (row.top - logit(b, labels[b]));
  if (SMOOTHING > 0) {
    var below = 0.0;
    for (var c = 0u; c < u32(C); c++) {
      below += row.top - logit(b, c);
    }
    let share = f32(SMOOTHING);
    value = log(row.sum) + (1.0 - share) * (row.top - logit(b, labels[b]))
      + share * (below / f32(C));
  }
  losses[b] = value;
  return value;
}

fn derivative(b: u32, c: u32, row: Exponentials) -> f32 {
  let p = exp(logit(b, c) - row.top) / row.sum;
  if (SMOOTHING > 0) {
    let even = f32(SMOOTHING) / f32(C);
    return p - select(even, 1.0 - f32(SMOOTHING) + even, c == labels[b]);
  }
  return p - select(0.0, 1.0, c == labels[b]);
}

fn put(b: u32, c: u32, gradient: f32) {
  dlogits[b * u32(C) + c] = gradient;
}
