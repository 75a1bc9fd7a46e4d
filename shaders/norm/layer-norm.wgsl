// Layer normalisation over the last axis (Ba, Kiros and Hinton 2016):
//   y = gamma x^ + beta, x^ = (x - mean) inverse, inverse = 1 / sqrt(variance + EPSILON)
// with the mean and the biased variance of each row, in two passes: the variance is a mean of squared
// distances. Gradients, with g = dy gamma:
//   dx = inverse (g - mean(g) - x^ mean(g x^)); dgamma = sum dy x^, dbeta = sum dy over the rows.
// `forward` and `input_gradient` give a row to a thread; `sums` adds slices of SPAN rows a column,
// which reduce/axis-sum joins. Every sum has a fixed order.
//
// x, y, dy, dx [ROWS, C]; gamma, beta [C]; stats [ROWS]: mean, inverse; partial_gamma, partial_beta
// [SLICES, C]. Prelude: ROWS, C, EPSILON, SLICES of SPAN rows (the last may be shorter).
// Grid, one thread each: forward, input_gradient ROWS; sums SLICES * C. Any C, both tunings;
// layer-norm-vec4.wgsl and layer-norm-gpu-vec4.wgsl are faster where C is a multiple of 4.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> stats_out: array<vec2f>;
@group(0) @binding(5) var<storage, read> stats: array<vec2f>;
@group(0) @binding(6) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;
@group(0) @binding(8) var<storage, read_write> partial_gamma: array<f32>;
@group(0) @binding(9) var<storage, read_write> partial_beta: array<f32>;

const WIDTH = u32(C);

fn index(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * 64u + local;
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = index(wid, groups, local);
  if (row >= u32(ROWS)) {
    return;
  }
  let start = row * WIDTH;
  var sum = 0.0;
  for (var c = 0u; c < WIDTH; c++) {
    sum += x[start + c];
  }
  let mean = sum / f32(C);
  var squares = 0.0;
  for (var c = 0u; c < WIDTH; c++) {
    let d = x[start + c] - mean;
    squares += d * d;
  }
  let inverse = 1.0 / sqrt(squares / f32(C) + f32(EPSILON));
  stats_out[row] = vec2f(mean, inverse);
  for (var c = 0u; c < WIDTH; c++) {
    y[start + c] = (x[start + c] - mean) * inverse * gamma[c] + beta[c];
  }
}

@compute @workgroup_size(64)
fn input_gradient(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = index(wid, groups, local);
  if (row >= u32(ROWS)) {
    return;
  }
  let start = row * WIDTH;
  let mean = stats[row].x;
  let inverse = stats[row].y;
  var plain = 0.0;
  var along = 0.0;
  for (var c = 0u; c < WIDTH; c++) {
    let g = dy[start + c] * gamma[c];
    plain += g;
    along += g * ((x[start + c] - mean) * inverse);
  }
  plain /= f32(C);
  along /= f32(C);
  for (var c = 0u; c < WIDTH; c++) {
    let normal = (x[start + c] - mean) * inverse;
    dx[start + c] = inverse * (dy[start + c] * gamma[c] - plain - normal * along);
  }
}

@compute @workgroup_size(64)
fn sums(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let t = index(wid, groups, local);
  if (t >= u32(SLICES) * WIDTH) {
    return;
  }
  let c = t % WIDTH;
  let first = t / WIDTH * u32(SPAN);
  let end = min(first + u32(SPAN), u32(ROWS));
  var plain = 0.0;
  var along = 0.0;
  for (var row = first; row < end; row++) {
    let g = dy[row * WIDTH + c];
    plain += g;
    along += g * ((x[row * WIDTH + c] - stats[row].x) * stats[row].y);
  }
  partial_gamma[t] = along;
  partial_beta[t] = plain;
}
