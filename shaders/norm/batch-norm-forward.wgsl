// Batch normalisation over all rows of a channel: y = gamma (x - mean) / sqrt(variance + EPSILON) + beta
// (Ioffe and Szegedy 2015). One thread a channel and slice of rows; every sum has a fixed order.
//
// Training: `moments` takes mean and sum of squared deviations of each slice of SPAN rows, `merge`
// joins up to FACTOR neighbouring slices (Chan, Golub and LeVeque 1983) as often as needed, `statistics`
// joins the rest and updates the running values. Frozen: `running` turns the running values into the
// same stats. `normalise` ends both.
//
// Prelude: ROWS, C (x is [ROWS, C]); SLICES of SPAN rows each (the last may be shorter) that the entry
// reads, or writes in `moments`; FACTOR slices merged into one; PER rows a thread in `normalise`;
// EPSILON; MOMENTUM, the weight of the batch in running = (1 - MOMENTUM) running + MOMENTUM batch.
// partial, merged [slices, 2, C]: mean, then sum of squared deviations. stats [2, C]: mean, then
// inverse deviation. gamma, beta, running_mean, running_variance [C].
// Grid, one thread each: moments SLICES * C; merge ceil(SLICES / FACTOR) * C; statistics and running C;
// normalise ceil(ROWS / PER) * C. Both tunings.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> moments_out: array<f32>;
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read_write> merged: array<f32>;
@group(0) @binding(4) var<storage, read_write> stats: array<f32>;
@group(0) @binding(5) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> running_variance: array<f32>;
@group(0) @binding(7) var<storage, read> frozen_mean: array<f32>;
@group(0) @binding(8) var<storage, read> frozen_variance: array<f32>;
@group(0) @binding(9) var<storage, read> stats_in: array<f32>;
@group(0) @binding(10) var<storage, read> gamma: array<f32>;
@group(0) @binding(11) var<storage, read> beta: array<f32>;
@group(0) @binding(12) var<storage, read_write> y: array<f32>;

fn index(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * 64u + local;
}

/// Rows of slice i: SPAN, or what is left for the last.
fn rows_of(i: u32) -> f32 {
  return f32(min(u32(SPAN), u32(ROWS) - i * u32(SPAN)));
}

/// Rows, mean and sum of squared deviations of the slices from..to - 1 of channel c together.
fn join(first: u32, end: u32, c: u32) -> vec3f {
  // Distances to the first mean keep the digits that a sum of large means would lose.
  let origin = partial[first * 2u * C + c];
  var rows = 0.0;
  var shift = 0.0;
  for (var i = first; i < end; i++) {
    rows += rows_of(i);
    shift += rows_of(i) * (partial[i * 2u * C + c] - origin);
  }
  shift /= rows;
  var squares = 0.0;
  for (var i = first; i < end; i++) {
    let d = partial[i * 2u * C + c] - origin - shift;
    squares += partial[(i * 2u + 1u) * C + c] + rows_of(i) * d * d;
  }
  return vec3f(rows, origin + shift, squares);
}

@compute @workgroup_size(64)
fn moments(
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
  let first = slice * SPAN;
  let end = min(first + SPAN, u32(ROWS));
  // Sums of distances to the slice's first value: one pass, and the squares lose at most a factor
  // SPAN of the precision, however large the mean is.
  let origin = x[first * C + c];
  var sum = 0.0;
  var squares = 0.0;
  for (var row = first + 1u; row < end; row++) {
    let d = x[row * C + c] - origin;
    sum += d;
    squares += d * d;
  }
  let shift = sum / f32(end - first);
  moments_out[slice * 2u * C + c] = origin + shift;
  moments_out[(slice * 2u + 1u) * C + c] = max(squares - sum * shift, 0.0);
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
  let all = join(group * FACTOR, min((group + 1u) * FACTOR, u32(SLICES)), c);
  merged[group * 2u * C + c] = all.y;
  merged[(group * 2u + 1u) * C + c] = all.z;
}

@compute @workgroup_size(64)
fn statistics(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let c = index(wid, groups, local);
  if (c >= C) {
    return;
  }
  let all = join(0u, SLICES, c);
  stats[c] = all.y;
  stats[C + c] = 1.0 / sqrt(all.z / all.x + EPSILON);
  // The running variance is the unbiased one; a single row has none and counts as 0.
  let unbiased = all.z / max(all.x - 1.0, 1.0);
  running_mean[c] = (1.0 - MOMENTUM) * running_mean[c] + MOMENTUM * all.y;
  running_variance[c] = (1.0 - MOMENTUM) * running_variance[c] + MOMENTUM * unbiased;
}

@compute @workgroup_size(64)
fn running(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let c = index(wid, groups, local);
  if (c >= C) {
    return;
  }
  stats[c] = frozen_mean[c];
  stats[C + c] = 1.0 / sqrt(frozen_variance[c] + EPSILON);
}

@compute @workgroup_size(64)
fn normalise(
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
  let mean = stats_in[c];
  let scale = gamma[c] * stats_in[C + c];
  let shift = beta[c];
  let end = min(first + PER, u32(ROWS));
  for (var row = first; row < end; row++) {
    y[row * C + c] = (x[row * C + c] - mean) * scale + shift;
  }
}
