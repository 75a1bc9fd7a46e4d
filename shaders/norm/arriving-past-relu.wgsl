//! part
//! import math/rectify, lane/f32
//! needs dy, x, stats, gamma, sizes
// The gradient that arrives at batch normalisation past the ReLU after it, dy being that of the ReLU's output: dy or
// SLOPE dy by the sign of the output, which is made again as norm/batch-norm-forward makes it. NaN gives dy.
// Gives arriving(at, c) -> f32 of element `at` of channel c. beta [C]. Constants: SLOPE (0 for ReLU), AFFINE.
@group(0) @binding(11) var<storage, read> beta: array<f32>;

fn arriving(at: u32, c: u32) -> f32 {
  var scale = stats[sizes.channels + c];
  var shift = 0.0;
  if (AFFINE) {
    scale = gamma[c] * scale;
    shift = beta[c];
  }
  return past((x[at] - stats[c]) * scale + shift, dy[at]);
}
