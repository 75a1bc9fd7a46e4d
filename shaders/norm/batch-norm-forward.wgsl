//! import norm/channels, lane/f32
//! needs after
// Batch normalisation over all rows of a channel: y = gamma (x - mean) / sqrt(variance + EPSILON) + beta
// (Ioffe and Szegedy 2015).
//
// Training: `slice_statistics` takes mean and sum of squared deviations of each slice, `merge` joins slices (Chan,
// Golub and LeVeque 1983), `statistics` joins the rest and updates the running values. Frozen: `running` turns the
// running values into the same stats. `normalise` ends both, with what comes after (shaders/after). y is `result`.
//
// stats_out [2, C]; running_mean, running_variance, frozen_mean, frozen_variance, beta [C]; other shapes and
// constants: norm/channels. Constants besides: EPSILON; MOMENTUM, the weight of the batch in
// running = (1 - MOMENTUM) running + MOMENTUM batch; AFFINE (boolean): without it gamma is 1 and beta 0. Grid of statistics and running: C threads. Both tunings.
@group(0) @binding(6) var<storage, read_write> stats_out: array<f32>;
@group(0) @binding(7) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(8) var<storage, read_write> running_variance: array<f32>;
@group(0) @binding(9) var<storage, read> frozen_mean: array<f32>;
@group(0) @binding(10) var<storage, read> frozen_variance: array<f32>;
@group(0) @binding(11) var<storage, read> beta: array<f32>;

// Mean and sum of squared deviations of some rows.
fn slice_of(first: u32, end: u32, c: u32) -> vec2f {
  // Sums of distances to the slice's first value: one pass, and the squares lose at most a factor
  // `span` of the precision, however large the mean is.
  let origin = x[first * sizes.channels + c];
  var sum = 0.0;
  var squares = 0.0;
  for (var row = first + 1u; row < end; row++) {
    let d = x[row * sizes.channels + c] - origin;
    sum += d;
    squares += d * d;
  }
  let shift = sum / f32(end - first);
  return vec2f(origin + shift, max(squares - sum * shift, 0.0));
}

// Rows of slices first .. end - 1: SPAN each, or what is left for the last.
fn rows_of(first: u32, end: u32) -> f32 {
  return f32(min(end * sizes.span, sizes.rows) - first * sizes.span);
}

fn join(first: u32, end: u32, c: u32) -> vec2f {
  // Distances to the first mean keep the digits that a sum of large means would lose.
  let origin = partial_of(first, c).x;
  var shift = 0.0;
  for (var i = first; i < end; i++) {
    shift += rows_of(i, i + 1u) * (partial_of(i, c).x - origin);
  }
  shift /= rows_of(first, end);
  var squares = 0.0;
  for (var i = first; i < end; i++) {
    let slice = partial_of(i, c);
    let d = slice.x - origin - shift;
    squares += slice.y + rows_of(i, i + 1u) * d * d;
  }
  return vec2f(origin + shift, squares);
}

struct Channel {
  mean: f32,
  scale: f32,
  shift: f32,
}

fn channel_of(c: u32) -> Channel {
  if (AFFINE) {
    return Channel(stats[c], gamma[c] * stats[sizes.channels + c], beta[c]);
  }
  return Channel(stats[c], stats[sizes.channels + c], 0.0);
}

fn element_of(channel: Channel, at: u32) -> f32 {
  return after((x[at] - channel.mean) * channel.scale + channel.shift, at);
}

fn put_stats(c: u32, mean: f32, variance: f32) {
  stats_out[c] = mean;
  stats_out[sizes.channels + c] = 1.0 / sqrt(variance + EPSILON);
}

@compute @workgroup_size(64)
fn slice_statistics(thread: Thread) {
  walk_slices(thread);
}

@compute @workgroup_size(64)
fn statistics(thread: Thread) {
  let c = number_of(thread);
  if (c >= sizes.channels) {
    return;
  }
  let all = join(0u, sizes.slices, c);
  let rows = rows_of(0u, sizes.slices);
  put_stats(c, all.x, all.y / rows);
  // The running variance is the unbiased one; a single row has none and counts as 0.
  let unbiased = all.y / max(rows - 1.0, 1.0);
  running_mean[c] = (1.0 - MOMENTUM) * running_mean[c] + MOMENTUM * all.x;
  running_variance[c] = (1.0 - MOMENTUM) * running_variance[c] + MOMENTUM * unbiased;
}

@compute @workgroup_size(64)
fn running(thread: Thread) {
  let c = number_of(thread);
  if (c < sizes.channels) {
    put_stats(c, frozen_mean[c], frozen_variance[c]);
  }
}

@compute @workgroup_size(64)
fn normalise(thread: Thread) {
  walk_rows(thread);
}
