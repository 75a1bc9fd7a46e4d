//! import norm/channels
//! needs arriving
// Gradients of batch normalisation, with x^ = (x - mean) * inverse deviation:
//   dbeta = sum dy, dgamma = sum dy x^ over the rows of a channel;
//   training: dx = gamma inverse (dy - dbeta / rows - x^ dgamma / rows), since the statistics depend
//   on x; frozen: dx = gamma inverse dy.
// `sums` adds up each slice, `merge` joins slices, `totals` the rest; `input_gradient` gives dx, which is `result`. What
// arrives is dy, or dy past a ReLU (norm/arriving, norm/arriving-past-relu).
//
// The two numbers of a slice are sums of dy and of dy x^; means, means_out [2, C] likewise. dy [rows, C]; dgamma,
// dbeta [C]; other shapes and constants: norm/channels. Constants besides: TRAINING, AFFINE (booleans). Grid of totals:
// C threads. Both tunings.
@group(0) @binding(6) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(8) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(9) var<storage, read_write> means_out: array<f32>;
@group(0) @binding(10) var<storage, read> means: array<f32>;

fn slice_of(first: u32, end: u32, c: u32) -> vec2f {
  let mean = stats[c];
  var plain = 0.0;
  var weighted = 0.0;
  for (var row = first; row < end; row++) {
    let g = arriving(row * sizes.channels + c, c);
    plain += g;
    weighted += g * (x[row * sizes.channels + c] - mean);
  }
  return vec2f(plain, weighted * stats[sizes.channels + c]);
}

fn join(first: u32, end: u32, c: u32) -> vec2f {
  var sum = vec2f(0.0);
  for (var i = first; i < end; i++) {
    sum += partial_of(i, c);
  }
  return sum;
}

// `plain` and `along` are what the batch statistics take away: the constant part and the part along x.
struct Channel {
  number: u32,
  mean: f32,
  scale: f32,
  plain: f32,
  along: f32,
}

fn channel_of(c: u32) -> Channel {
  let inverse = stats[sizes.channels + c];
  var channel = Channel(c, 0.0, inverse, 0.0, 0.0);
  if (AFFINE) {
    channel.scale *= gamma[c];
  }
  if (TRAINING) {
    channel.mean = stats[c];
    channel.plain = means[c];
    channel.along = means[sizes.channels + c] * inverse;
  }
  return channel;
}

fn element_of(channel: Channel, at: u32) -> f32 {
  var g = arriving(at, channel.number);
  if (TRAINING) {
    g -= channel.plain + channel.along * (x[at] - channel.mean);
  }
  return channel.scale * g;
}

@compute @workgroup_size(64)
fn sums(thread: Thread) {
  walk_slices(thread);
}

@compute @workgroup_size(64)
fn totals(thread: Thread) {
  let c = number_of(thread);
  if (c >= sizes.channels) {
    return;
  }
  let sum = join(0u, sizes.slices, c);
  dbeta[c] = sum.x;
  dgamma[c] = sum.y;
  means_out[c] = sum.x / f32(sizes.rows);
  means_out[sizes.channels + c] = sum.y / f32(sizes.rows);
}

@compute @workgroup_size(64)
fn input_gradient(thread: Thread) {
  walk_rows(thread);
}
