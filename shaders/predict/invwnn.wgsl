//! part
//! import predict/range, predict/base, predict/activations
// InvWNN, fused: predicted = base + tanh(output . [stream(v), stream(d)] + bias).
//   v: history newest first; d_j = v_(j+1) - v_j;
//   stream(x) = leaky(third(gate(second(leaky(first(x)))))), leaky slope 0.3;
//   gate(x) = l + a exp(r x), with l, a, r linear maps of relu(compress(x)).
// Jang, Kim, Youn: Learning to Rewind via Iterative Prediction of Past Weights (AAAI 2025).
// Its kernels take four coordinates at a time, as lanes. Weights are packed by src/predictors/invwnn/pack.ts.
// Gives window, coordinates, four and store. Constants: WINDOW (K, 5 to 20), BASE.
const window = u32(WINDOW);
const_assert WINDOW >= 5 && WINDOW <= 20;

// Places of coordinates i to i + 3. Past the end of the range the last one is repeated.
fn coordinates(i: u32) -> vec4u {
  return range.first + min(vec4u(i, i + 1u, i + 2u, i + 3u), vec4u(range.count - 1u));
}

// Snapshot k of four coordinates.
fn four(k: u32, at: vec4u) -> vec4f {
  let slice = k * range.stride;
  return vec4f(history[slice + at.x], history[slice + at.y], history[slice + at.z], history[slice + at.w]);
}

// The prediction of coordinate i, if it is of the range, from the output before tanh.
fn store(i: u32, sum: f32) {
  if (i < range.count) {
    let at = range.first + i;
    predicted[range.outFirst + i] = base_of(snapshot(0u, at), snapshot(window - 1u, at)) + safe_tanh(sum);
  }
}
