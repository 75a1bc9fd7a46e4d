// Gradients of batch normalisation, with x^ = (x - mean) * inverse deviation:
//   dbeta = sum dy, dgamma = sum dy x^ over the rows of a channel;
//   training: dx = gamma inverse (dy - dbeta / ROWS - x^ dgamma / ROWS), since the statistics depend
//   on x; frozen: dx = gamma inverse dy.
// `sums` adds slices of SPAN rows, `merge` joins FACTOR slices as often as needed, `totals` the rest;
// every sum has a fixed order.
//
// Prelude: ROWS, C (x, dy, dx are [ROWS, C]); SLICES of SPAN rows that the entry reads, or writes in
// `sums`; FACTOR slices merged into one; PER rows a thread in `input_gradient`; TRAINING (boolean).
// partial, merged [slices, 2, C] and means [2, C]: of dy, then of dy x^. stats [2, C]: mean, then inverse
// deviation. gamma, dgamma, dbeta [C].
// Grid, one thread each: sums SLICES * C; merge ceil(SLICES / FACTOR) * C; totals C;
// input_gradient ceil(ROWS / PER) * C. Both tunings.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums_out: array<f32>;
@group(0) @binding(4) var<storage, read> partial: array<f32>;
@group(0) @binding(5) var<storage, read_write> merged: array<f32>;
@group(0) @binding(6) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(7) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(8) var<storage, read_write> means: array<f32>;
@group(0) @binding(9) var<storage, read> means_in: array<f32>;
@group(0) @binding(10) var<storage, read> gamma: array<f32>;
@group(0) @binding(11) var<storage, read_write> dx: array<f32>;

fn index(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * 64u + local;
}

/// Sums of the slices from..to - 1 of channel c: of dy, and of dy x^.
fn join(first: u32, end: u32, c: u32) -> vec2f {
  var sum = vec2f(0.0);
  for (var i = first; i < end; i++) {
    sum += vec2f(partial[i * 2u * C + c], partial[(i * 2u + 1u) * C + c]);
  }
  return sum;
}

@compute @workgroup_size(64)
fn sums(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let t = index(wid, groups, local);
  if (t >= SLICES * C) {
    return;
  }
  let c = t % C;
  let slice = t / C;
  let end = min((slice + 1u) * SPAN, u32(ROWS));
  let mean = stats[c];
  var plain = 0.0;
  var weighted = 0.0;
  for (var row = slice * SPAN; row < end; row++) {
    let g = dy[row * C + c];
    plain += g;
    weighted += g * (x[row * C + c] - mean);
  }
  sums_out[slice * 2u * C + c] = plain;
  sums_out[(slice * 2u + 1u) * C + c] = weighted * stats[C + c];
}

@compute @workgroup_size(64)
fn merge(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let t = index(wid, groups, local);
  let c = t % C;
  let group = t / C;
  if (group * FACTOR >= SLICES) {
    return;
  }
  let sum = join(group * FACTOR, min((group + 1u) * FACTOR, u32(SLICES)), c);
  merged[group * 2u * C + c] = sum.x;
  merged[(group * 2u + 1u) * C + c] = sum.y;
}

@compute @workgroup_size(64)
fn totals(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let c = index(wid, groups, local);
  if (c >= C) {
    return;
  }
  let sum = join(0u, SLICES, c);
  dbeta[c] = sum.x;
  dgamma[c] = sum.y;
  means[c] = sum.x / f32(ROWS);
  means[C + c] = sum.y / f32(ROWS);
}

@compute @workgroup_size(64)
fn input_gradient(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let t = index(wid, groups, local);
  let c = t % C;
  let first = (t / C) * PER;
  if (first >= ROWS) {
    return;
  }
  let inverse = stats[C + c];
  let scale = gamma[c] * inverse;
  var mean = 0.0;
  var plain = 0.0;
  var along = 0.0;
  if (TRAINING) {
    mean = stats[c];
    plain = means_in[c];
    along = means_in[C + c] * inverse;
  }
  let end = min(first + PER, u32(ROWS));
  for (var row = first; row < end; row++) {
    let i = row * C + c;
    var g = dy[i];
    if (TRAINING) {
      // What the batch statistics take away: the constant part and the part along x.
      g -= plain + along * (x[i] - mean);
    }
    dx[i] = scale * g;
  }
}
