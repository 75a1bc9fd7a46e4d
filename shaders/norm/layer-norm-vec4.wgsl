// Layer normalisation over the last axis where C is a multiple of 4: formulas, bindings and entries of
// layer-norm.wgsl, with four columns a lane. `forward` and `input_gradient` (a thread a row) are for
// software adapters; `sums` (a thread a quad of columns and slice of rows) is for both tunings.
//
// Prelude: ROWS, C, EPSILON, SLICES of SPAN rows (the last may be shorter).
// Grid, one thread each: forward, input_gradient ROWS; sums SLICES * C / 4.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(2) var<storage, read> beta: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> stats_out: array<vec2f>;
@group(0) @binding(5) var<storage, read> stats: array<vec2f>;
@group(0) @binding(6) var<storage, read> dy: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> partial_gamma: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> partial_beta: array<vec4f>;

const WIDTH = u32(C) / 4u;
const ONES = vec4f(1.0);

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
  var sum = vec4f();
  for (var c = 0u; c < WIDTH; c++) {
    sum += x[start + c];
  }
  let mean = dot(sum, ONES) / f32(C);
  var squares = vec4f();
  for (var c = 0u; c < WIDTH; c++) {
    let d = x[start + c] - mean;
    squares += d * d;
  }
  let inverse = 1.0 / sqrt(dot(squares, ONES) / f32(C) + f32(EPSILON));
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
  var plain = vec4f();
  var along = vec4f();
  for (var c = 0u; c < WIDTH; c++) {
    let g = dy[start + c] * gamma[c];
    plain += g;
    along += g * ((x[start + c] - mean) * inverse);
  }
  let mean_plain = dot(plain, ONES) / f32(C);
  let mean_along = dot(along, ONES) / f32(C);
  for (var c = 0u; c < WIDTH; c++) {
    let normal = (x[start + c] - mean) * inverse;
    dx[start + c] = inverse * (dy[start + c] * gamma[c] - mean_plain - normal * mean_along);
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
  var plain = vec4f();
  var along = vec4f();
  for (var row = first; row < end; row++) {
    let g = dy[row * WIDTH + c];
    plain += g;
    along += g * ((x[row * WIDTH + c] - stats[row].x) * stats[row].y);
  }
  partial_gamma[t] = along;
  partial_beta[t] = plain;
}
