//! import predict/coordinate, predict/base, predict/activations
// WNN, fused: predicted = newest + scale tanh(output . [stream(x), stream(d)] + bias), K = 5.
//   m = oldest, r = max - min + 1e-8, scale = 2 (r + 1e-5), x = (h - m) / scale oldest first, d its differences;
//   stream(x) = leaky(third(gate(first(x)))), leaky slope 0.3;
//   gate(x) = l + a exp(r x), with l, a, r linear maps of relu(compress(x)).
// Jang et al.: Learning to Boost Training by Periodic Nowcasting Near Future Weights (ICML 2023).
// weights: packed by src/predictors/wnn. A neuron's first layer costs less to repeat than to keep, so the gate
// runs twice over the 64 neurons and holds no array.
// Constants: BASE; SCALE_NEWEST: what the published script does with rank-1 parameters, (newest + tanh) scale
// + m, in place of the above.
@group(0) @binding(3) var<uniform> weights: array<vec4f, 2469>;

const WIDTH = 64u;
const ROW = 19u; // vec4f a neuron
const STREAM = 1234u; // vec4f a stream

fn neuron(row: u32, inputs: vec4f, fifth: f32) -> f32 {
  let last = weights[row + 1u];
  return dot(weights[row], inputs) + last.x * fifth + last.y;
}

fn stream(at: u32, inputs: vec4f, fifth: f32) -> f32 {
  let end = at + WIDTH * ROW;
  var c0 = weights[end];
  var c1 = weights[end + 1u];
  for (var o = 0u; o < WIDTH; o++) {
    let row = at + o * ROW;
    let x = neuron(row, inputs, fifth);
    c0 += x * weights[row + 2u];
    c1 += x * weights[row + 3u];
  }
  c0 = max(c0, vec4f());
  c1 = max(c1, vec4f());
  var y0 = weights[end + 2u];
  var y1 = weights[end + 3u];
  var y2 = weights[end + 4u];
  var y3 = weights[end + 5u];
  var y4 = weights[end + 6u];
  var y5 = weights[end + 7u];
  var y6 = weights[end + 8u];
  var y7 = weights[end + 9u];
  for (var o = 0u; o < WIDTH; o++) {
    let row = at + o * ROW;
    let x = neuron(row, inputs, fifth);
    let bias = weights[row + 10u];
    let l = dot(weights[row + 4u], c0) + dot(weights[row + 5u], c1) + bias.x;
    let a = dot(weights[row + 6u], c0) + dot(weights[row + 7u], c1) + bias.y;
    let r = dot(weights[row + 8u], c0) + dot(weights[row + 9u], c1) + bias.z;
    let y = l + a * exp(r * x);
    y0 += y * weights[row + 11u];
    y1 += y * weights[row + 12u];
    y2 += y * weights[row + 13u];
    y3 += y * weights[row + 14u];
    y4 += y * weights[row + 15u];
    y5 += y * weights[row + 16u];
    y6 += y * weights[row + 17u];
    y7 += y * weights[row + 18u];
  }
  let out = end + 10u;
  return dot(leaky(y0), weights[out]) + dot(leaky(y1), weights[out + 1u])
    + dot(leaky(y2), weights[out + 2u]) + dot(leaky(y3), weights[out + 3u])
    + dot(leaky(y4), weights[out + 4u]) + dot(leaky(y5), weights[out + 5u])
    + dot(leaky(y6), weights[out + 6u]) + dot(leaky(y7), weights[out + 7u]);
}

fn prediction(at: u32) -> f32 {
  let oldest = snapshot(0u, at);
  let h = vec4f(snapshot(1u, at), snapshot(2u, at), snapshot(3u, at), snapshot(4u, at)) - oldest;
  let newest = snapshot(4u, at);
  let high = max(max(h.x, h.y), max(max(h.z, h.w), 0.0));
  let low = min(min(h.x, h.y), min(min(h.z, h.w), 0.0));
  let scale = 2.0 * (high - low + 1e-8 + 1e-5);
  let x = h / scale;
  let sum = stream(0u, vec4f(0.0, x.xyz), x.w)
    + stream(STREAM, x - vec4f(0.0, x.xyz), 0.0)
    + weights[2u * STREAM].x;
  var base = base_of(oldest, newest);
  if (SCALE_NEWEST && BASE == 1) {
    base = newest * scale + oldest;
  }
  return base + safe_tanh(sum) * scale;
}
