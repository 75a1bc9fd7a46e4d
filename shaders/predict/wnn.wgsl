// WNN, fused: predicted = newest + scale tanh(output . [stream(x), stream(d)] + bias), K = 5.
//   m = oldest, r = max - min + 1e-8, scale = 2 (r + 1e-5), x = (h - m) / scale oldest first, d its differences;
//   stream(x) = leaky(third(gate(first(x)))), leaky slope 0.3;
//   gate(x) = l + a exp(r x), with l, a, r linear maps of relu(compress(x)).
// Jang et al.: Learning to Boost Training by Periodic Nowcasting Near Future Weights (ICML 2023).
// Prelude: BASE (0 oldest, 1 newest, 2 none); SCALE_NEWEST: what the published script does with rank-1
// parameters, (newest + tanh) scale + m, in place of the above.
// history: 5 slices of `stride` floats, oldest first. predicted[outFirst + i].
// weights: packed by src/predict/wnn.ts. A neuron's first layer costs less to repeat than to keep, so the
// gate runs twice over the 64 neurons and holds no array. One thread a coordinate.
struct Range {
  first: u32,
  count: u32,
  stride: u32,
  outFirst: u32,
}

@group(0) @binding(0) var<storage, read> history: array<f32>;
@group(0) @binding(1) var<storage, read_write> predicted: array<f32>;
@group(0) @binding(2) var<uniform> range: Range;
@group(0) @binding(3) var<uniform> weights: array<vec4f, 2469>;

const WIDTH = 64u;
const ROW = 19u; // vec4f a neuron
const STREAM = 1234u; // vec4f a stream

fn leaky(x: vec4f) -> vec4f {
  return select(0.3 * x, x, x > vec4f());
}

// tanh with full relative accuracy near 0; NaN where x is not finite, so that an overflow is noticed.
fn safeTanh(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) {
    return bitcast<f32>(bits | 0x7fc00000u);
  }
  let size = abs(x);
  if (size < 0.25) {
    let s = x * x;
    return x * (1.0 + s * (-0.33333333 + s * (0.13333333 + s * (-0.053968254 + s * 0.021869488))));
  }
  return sign(x) * (1.0 - 2.0 / (exp(2.0 * min(size, 16.0)) + 1.0));
}

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

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= range.count) {
    return;
  }
  let at = range.first + i;
  let oldest = history[at];
  let h = vec4f(
    history[at + range.stride],
    history[at + 2u * range.stride],
    history[at + 3u * range.stride],
    history[at + 4u * range.stride],
  ) - oldest;
  let newest = history[at + 4u * range.stride];
  let high = max(max(h.x, h.y), max(max(h.z, h.w), 0.0));
  let low = min(min(h.x, h.y), min(min(h.z, h.w), 0.0));
  let scale = 2.0 * (high - low + 1e-8 + 1e-5);
  let x = h / scale;
  let sum = stream(0u, vec4f(0.0, x.xyz), x.w)
    + stream(STREAM, x - vec4f(0.0, x.xyz), 0.0)
    + weights[2u * STREAM].x;
  let out = safeTanh(sum);
  var base = 0.0;
  if (BASE == 0) {
    base = oldest;
  } else if (BASE == 1) {
    base = newest;
    if (SCALE_NEWEST) {
      base = newest * scale + oldest;
    }
  }
  predicted[range.outFirst + i] = base + out * scale;
}
