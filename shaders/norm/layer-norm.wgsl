//! import walk/thread
//! needs Lane, LANES, inner, team_sum
// Layer normalisation over the last axis (Ba, Kiros and Hinton 2016):
//   y = gamma x^ + beta, x^ = (x - mean) inverse, inverse = 1 / sqrt(variance + EPSILON)
// with the mean and the biased variance of each row, in two passes: the variance is a mean of squared
// distances. Gradients, with g = dy gamma:
//   dx = inverse (g - mean(g) - x^ mean(g x^)); dgamma = sum dy x^, dbeta = sum dy over the rows.
// `forward` and `input_gradient` give a row to a team of threads (norm/alone, norm/team); `sums` adds slices of
// `span` rows a column, which reduce/axis-sum joins. Every sum has a fixed order.
//
// x, y, dy, dx [rows, C]; gamma, beta [C]; stats, stats_out [rows]: mean, inverse; partial_gamma, partial_beta
// [slices, C]; C = width LANES. Constants: EPSILON, TEAM. Sizes stand in a uniform, so that one kernel serves all.
// Grid: forward, input_gradient rows * TEAM threads; sums slices * width. Both tunings.
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
@group(0) @binding(10) var<uniform> sizes: Sizes;

// Rows of `width` lanes, and slices of `span` rows; the last may be shorter.
struct Sizes {
  rows: u32,
  width: u32,
  slices: u32,
  span: u32,
}

const ONES = Lane(1.0);

// Elements of a row.
fn channels() -> f32 {
  return f32(sizes.width * LANES);
}

// A thread's row, the first of its lanes, and its number within the team. Teams behind the last row read it too
// and write nothing: `there` is false.
struct Place {
  row: u32,
  start: u32,
  member: u32,
  there: bool,
}

fn place_of(thread: Thread) -> Place {
  let place = number_of(thread) / u32(TEAM);
  let row = min(place, sizes.rows - 1u);
  return Place(row, row * sizes.width, thread.local % u32(TEAM), place < sizes.rows);
}

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  let at = place_of(thread);
  var sum = Lane();
  for (var c = at.member; c < sizes.width; c += u32(TEAM)) {
    sum += x[at.start + c];
  }
  let mean = team_sum(vec2f(inner(sum, ONES), 0.0), thread.local).x / channels();
  var squares = Lane();
  for (var c = at.member; c < sizes.width; c += u32(TEAM)) {
    let d = x[at.start + c] - mean;
    squares += d * d;
  }
  let variance = team_sum(vec2f(inner(squares, ONES), 0.0), thread.local).x / channels();
  let inverse = 1.0 / sqrt(variance + f32(EPSILON));
  if (!at.there) {
    return;
  }
  if (at.member == 0u) {
    stats_out[at.row] = vec2f(mean, inverse);
  }
  for (var c = at.member; c < sizes.width; c += u32(TEAM)) {
    y[at.start + c] = (x[at.start + c] - mean) * inverse * gamma[c] + beta[c];
  }
}

@compute @workgroup_size(64)
fn input_gradient(thread: Thread) {
  let at = place_of(thread);
  let mean = stats[at.row].x;
  let inverse = stats[at.row].y;
  var plain = Lane();
  var along = Lane();
  for (var c = at.member; c < sizes.width; c += u32(TEAM)) {
    let g = dy[at.start + c] * gamma[c];
    plain += g;
    along += g * ((x[at.start + c] - mean) * inverse);
  }
  let means = team_sum(vec2f(inner(plain, ONES), inner(along, ONES)), thread.local) / channels();
  if (!at.there) {
    return;
  }
  for (var c = at.member; c < sizes.width; c += u32(TEAM)) {
    let normal = (x[at.start + c] - mean) * inverse;
    dx[at.start + c] = inverse * (dy[at.start + c] * gamma[c] - means.x - normal * means.y);
  }
}

@compute @workgroup_size(64)
fn sums(thread: Thread) {
  let t = number_of(thread);
  if (t >= sizes.slices * sizes.width) {
    return;
  }
  let c = t % sizes.width;
  let first = t / sizes.width * sizes.span;
  let end = min(first + sizes.span, sizes.rows);
  var plain = Lane();
  var along = Lane();
  for (var row = first; row < end; row++) {
    let g = dy[row * sizes.width + c];
    plain += g;
    along += g * ((x[row * sizes.width + c] - stats[row].x) * stats[row].y);
  }
  partial_gamma[t] = along;
  partial_beta[t] = plain;
}
