//! import walk/thread
//! needs Lane, LANES, inner, team_sum
// Group normalisation (Wu and He 2018): channels are divided into groups, and each group of each example is
// normalised over its channels and pixels:
//   y = gamma x^ + beta, x^ = (x - mean) inverse, inverse = 1 / sqrt(variance + epsilon)
// with the biased variance, in two passes. Gradients, with g = dy gamma:
//   dx = inverse (g - mean(g) - x^ mean(g x^)); dgamma = sum dy x^, dbeta = sum dy over examples and pixels.
// `forward` and `input_gradient` give a group of an example to a team of threads (norm/alone, norm/team); `sums` adds
// slices of `span` pixels a channel, which reduce/axis-sum joins. Every sum has a fixed order.
//
// x, y, dy, dx [N, pixels, C]; gamma, beta [C]; stats, stats_out [N, groups]: mean, inverse; partial_gamma,
// partial_beta [slices, C]; C / groups a multiple of LANES. Sizes stand in a uniform, so that one kernel serves all
// shapes. Constants: TEAM; AFFINE (boolean): without it gamma is 1 and beta 0. Grid: forward,
// input_gradient N * groups * TEAM threads; sums slices * C / LANES. Both tunings.
struct Sizes {
  // Groups of all examples.
  all: u32,
  groups: u32,
  pixels: u32,
  // Lanes of a pixel in a group.
  width: u32,
  slices: u32,
  span: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Lane>;
@group(0) @binding(1) var<storage, read> gamma: array<Lane>;
@group(0) @binding(2) var<storage, read> beta: array<Lane>;
@group(0) @binding(3) var<storage, read_write> y: array<Lane>;
@group(0) @binding(4) var<storage, read_write> stats_out: array<vec2f>;
@group(0) @binding(5) var<storage, read> stats: array<vec2f>;
@group(0) @binding(6) var<storage, read> dy: array<Lane>;
@group(0) @binding(7) var<storage, read_write> dx: array<Lane>;
@group(0) @binding(8) var<storage, read_write> partial_gamma: array<Lane>;
@group(0) @binding(9) var<storage, read_write> partial_beta: array<Lane>;
@group(0) @binding(12) var<uniform> sizes: Sizes;

const ONES = Lane(1.0);

// A thread's group, where it starts in x and gamma, and the thread's number within the team. Teams behind the last
// group read it too and write nothing: `there` is false.
struct Place {
  group: u32,
  start: u32,
  channel: u32,
  member: u32,
  there: bool,
}

fn place_of(thread: Thread) -> Place {
  let team = number_of(thread) / u32(TEAM);
  let group = min(team, sizes.all - 1u);
  let channel = group % sizes.groups * sizes.width;
  let start = group / sizes.groups * sizes.pixels * sizes.groups * sizes.width + channel;
  return Place(group, start, channel, thread.local % u32(TEAM), team < sizes.all);
}

// Lanes of a group.
fn lanes() -> u32 {
  return sizes.pixels * sizes.width;
}

// Where lane i of a group lies, behind its start.
fn step_to(i: u32) -> u32 {
  return i / sizes.width * (sizes.groups * sizes.width) + i % sizes.width;
}

fn scale_of(at: Place, i: u32) -> Lane {
  if (AFFINE) {
    return gamma[at.channel + i % sizes.width];
  }
  return ONES;
}

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  let at = place_of(thread);
  let elements = f32(lanes() * LANES);
  var sum = Lane();
  for (var i = at.member; i < lanes(); i += u32(TEAM)) {
    sum += x[at.start + step_to(i)];
  }
  let mean = team_sum(vec2f(inner(sum, ONES), 0.0), thread.local).x / elements;
  var squares = Lane();
  for (var i = at.member; i < lanes(); i += u32(TEAM)) {
    let d = x[at.start + step_to(i)] - mean;
    squares += d * d;
  }
  let variance = team_sum(vec2f(inner(squares, ONES), 0.0), thread.local).x / elements;
  let inverse = 1.0 / sqrt(variance + sizes.epsilon);
  if (!at.there) {
    return;
  }
  if (at.member == 0u) {
    stats_out[at.group] = vec2f(mean, inverse);
  }
  for (var i = at.member; i < lanes(); i += u32(TEAM)) {
    let place = at.start + step_to(i);
    var value = (x[place] - mean) * inverse * scale_of(at, i);
    if (AFFINE) {
      value += beta[at.channel + i % sizes.width];
    }
    y[place] = value;
  }
}

@compute @workgroup_size(64)
fn input_gradient(thread: Thread) {
  let at = place_of(thread);
  let mean = stats[at.group].x;
  let inverse = stats[at.group].y;
  var plain = Lane();
  var along = Lane();
  for (var i = at.member; i < lanes(); i += u32(TEAM)) {
    let place = at.start + step_to(i);
    let g = dy[place] * scale_of(at, i);
    plain += g;
    along += g * ((x[place] - mean) * inverse);
  }
  let both = vec2f(inner(plain, ONES), inner(along, ONES));
  let means = team_sum(both, thread.local) / f32(lanes() * LANES);
  if (!at.there) {
    return;
  }
  for (var i = at.member; i < lanes(); i += u32(TEAM)) {
    let place = at.start + step_to(i);
    let normal = (x[place] - mean) * inverse;
    dx[place] = inverse * (dy[place] * scale_of(at, i) - means.x - normal * means.y);
  }
}

@compute @workgroup_size(64)
fn sums(thread: Thread) {
  let t = number_of(thread);
  let row_width = sizes.groups * sizes.width;
  if (t >= sizes.slices * row_width) {
    return;
  }
  let c = t % row_width;
  let first = t / row_width * sizes.span;
  let end = min(first + sizes.span, sizes.all / sizes.groups * sizes.pixels);
  var plain = Lane();
  var along = Lane();
  for (var row = first; row < end; row++) {
    let g = dy[row * row_width + c];
    let own = stats[row / sizes.pixels * sizes.groups + c / sizes.width];
    plain += g;
    along += g * ((x[row * row_width + c] - own.x) * own.y);
  }
  partial_gamma[t] = along;
  partial_beta[t] = plain;
}
