// Layer normalisation over the last axis on GPUs, C a multiple of 4: `forward` and `input_gradient` of
// layer-norm.wgsl (formulas and bindings there) with a team of TEAM threads a row, so that neighbouring
// threads read neighbouring quads. A team's sums meet in workgroup memory, in a tree of fixed order.
//
// Prelude: ROWS, C, EPSILON, TEAM (a power of two up to 64).
// Grid: 64 / TEAM rows a workgroup, ROWS * TEAM threads.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(2) var<storage, read> beta: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> stats_out: array<vec2f>;
@group(0) @binding(5) var<storage, read> stats: array<vec2f>;
@group(0) @binding(6) var<storage, read> dy: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> dx: array<vec4f>;

const WIDTH = u32(C) / 4u;
const ONES = vec4f(1.0);

var<workgroup> parts: array<vec2f, 64>;

/// Sum over the team of a thread; every thread of the workgroup must come here.
fn team_sum(value: vec2f, local: u32) -> vec2f {
  parts[local] = value;
  workgroupBarrier();
  for (var reach = u32(TEAM) / 2u; reach > 0u; reach /= 2u) {
    if (local % u32(TEAM) < reach) {
      parts[local] += parts[local + reach];
    }
    workgroupBarrier();
  }
  let sum = parts[local - local % u32(TEAM)];
  // The next sum must not overwrite this one before everyone has read it.
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let place = (wid.y * groups.x + wid.x) * (64u / u32(TEAM)) + local / u32(TEAM);
  // Teams behind the last row read it too and write nothing.
  let row = min(place, u32(ROWS) - 1u);
  let start = row * WIDTH;
  let member = local % u32(TEAM);
  var sum = vec4f();
  for (var c = member; c < WIDTH; c += u32(TEAM)) {
    sum += x[start + c];
  }
  let mean = team_sum(vec2f(dot(sum, ONES), 0.0), local).x / f32(C);
  var squares = vec4f();
  for (var c = member; c < WIDTH; c += u32(TEAM)) {
    let d = x[start + c] - mean;
    squares += d * d;
  }
  let variance = team_sum(vec2f(dot(squares, ONES), 0.0), local).x / f32(C);
  let inverse = 1.0 / sqrt(variance + f32(EPSILON));
  if (place >= u32(ROWS)) {
    return;
  }
  if (member == 0u) {
    stats_out[row] = vec2f(mean, inverse);
  }
  for (var c = member; c < WIDTH; c += u32(TEAM)) {
    y[start + c] = (x[start + c] - mean) * inverse * gamma[c] + beta[c];
  }
}

@compute @workgroup_size(64)
fn input_gradient(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let place = (wid.y * groups.x + wid.x) * (64u / u32(TEAM)) + local / u32(TEAM);
  let row = min(place, u32(ROWS) - 1u);
  let start = row * WIDTH;
  let member = local % u32(TEAM);
  let mean = stats[row].x;
  let inverse = stats[row].y;
  var plain = vec4f();
  var along = vec4f();
  for (var c = member; c < WIDTH; c += u32(TEAM)) {
    let g = dy[start + c] * gamma[c];
    plain += g;
    along += g * ((x[start + c] - mean) * inverse);
  }
  let means = team_sum(vec2f(dot(plain, ONES), dot(along, ONES)), local) / f32(C);
  if (place >= u32(ROWS)) {
    return;
  }
  for (var c = member; c < WIDTH; c += u32(TEAM)) {
    let normal = (x[start + c] - mean) * inverse;
    dx[start + c] = inverse * (dy[start + c] * gamma[c] - means.x - normal * means.y);
  }
}
