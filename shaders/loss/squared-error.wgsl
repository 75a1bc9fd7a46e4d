//! import walk/thread
//! needs Lane, inner
// Squared error of rows x_b with targets t_b and weights: loss = scale * sum of weights[b] |x_b - t_b|^2.
// forward, first stage: partial[b, s] = the part of row b's lanes s, s + slices, … (to be added by reduce/axis-sum);
// backward: dx = 2 dloss scale weights[b] (x - t); the gradient of t is that with scale negated. A row of weight 0
// gives 0, whatever it holds.
//
// x, t, dx [rows, D], D a multiple of a lane; weights [rows]; partial [rows, slices]; dloss [1]. Sizes stand in a
// uniform, so that one kernel serves all shapes. Constants: none. Grid: forward a thread an element of partial,
// backward a thread a lane of dx.
struct Sizes {
  rows: u32,
  // Lanes of a row.
  width: u32,
  slices: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Lane>;
@group(0) @binding(1) var<storage, read> t: array<Lane>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;
@group(0) @binding(4) var<storage, read> dloss: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<Lane>;
@group(0) @binding(8) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  let at = number_of(thread);
  let row = at / sizes.slices;
  if (row >= sizes.rows) {
    return;
  }
  var sum = Lane();
  for (var i = at % sizes.slices; i < sizes.width; i += sizes.slices) {
    let d = x[row * sizes.width + i] - t[row * sizes.width + i];
    sum += d * d;
  }
  let weight = weights[row];
  partial[at] = select(weight * sizes.scale * inner(sum, Lane(1.0)), 0.0, weight == 0.0);
}

@compute @workgroup_size(64)
fn backward(thread: Thread) {
  let i = number_of(thread);
  let row = i / sizes.width;
  if (row >= sizes.rows) {
    return;
  }
  let weight = weights[row];
  let gradient = 2.0 * dloss[0] * sizes.scale * weight * (x[i] - t[i]);
  dx[i] = select(gradient, Lane(), weight == 0.0);
}
