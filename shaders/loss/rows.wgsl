//! part
//! import walk/thread, math/log-sum-exp
//! needs statistics, loss, derivative, put
// A loss that is a weighted sum over rows of logits at temperature T:
//   forward: weighted[b] = weights[b] T^2 loss(b), 0 for weight 0;
//   backward: put(b, c, dloss weights[b] T derivative(b, c)) for every class, 0 for weight 0.
// weights, weighted [B]; dloss [1]. One thread a row: what is known of a row (its statistics) is computed
// again in backward, which costs less than storing it where C is small.
// Constants: B rows, C classes, T. The importing file declares statistics(b: u32) -> Exponentials,
// loss(b: u32, row: Exponentials) -> f32, derivative(b: u32, c: u32, row: Exponentials) -> f32 and
// put(b: u32, c: u32, gradient: f32).
@group(0) @binding(0) var<storage, read> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> weighted: array<f32>;
@group(0) @binding(2) var<storage, read> dloss: array<f32>;

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  let b = number_of(thread);
  if (b >= u32(B)) {
    return;
  }
  let weight = weights[b];
  let value = loss(b, statistics(b));
  weighted[b] = select(weight * (T * T) * value, 0.0, weight == 0.0);
}

@compute @workgroup_size(64)
fn backward(thread: Thread) {
  let b = number_of(thread);
  if (b >= u32(B)) {
    return;
  }
  let row = statistics(b);
  let weight = weights[b];
  let scale = dloss[0] * weight * T;
  for (var c = 0u; c < u32(C); c++) {
    put(b, c, select(scale * derivative(b, c, row), 0.0, weight == 0.0));
  }
}
