//! import predict/coordinate
// Introspection: predicted = output . relu(hidden(1000 h)) / 1000, h four earlier values of a weight.
// Sinha, Sarkar, Mukherjee, Krishnamurthy: Introspection (ICLR 2017).
// weights: packed by src/predictors/introspection.ts: two vec4f a hidden neuron, (its four inputs) and (bias,
// output weight, 0, 0), then the output bias.
// Constants: BASE (1: the prediction; 2: what it adds to the newest value).
@group(0) @binding(3) var<uniform> weights: array<vec4f, 81>;

fn prediction(at: u32) -> f32 {
  let newest = snapshot(3u, at);
  let h = 1000.0 * vec4f(snapshot(0u, at), snapshot(1u, at), snapshot(2u, at), newest);
  var sum = weights[80].x;
  for (var o = 0u; o < 40u; o++) {
    let last = weights[2u * o + 1u];
    sum += max(dot(weights[2u * o], h) + last.x, 0.0) * last.y;
  }
  sum /= 1000.0;
  if (BASE == 2) {
    sum -= newest;
  }
  return sum;
}
