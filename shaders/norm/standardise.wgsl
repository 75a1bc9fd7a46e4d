//! part
//! import walk/thread
//! needs Lane, LANES, inner, team_sum, Sizes, place_of, lanes, lane_at, scaled, shifted, epsilon, rows, columns, stats_at
// Normalisation of sets of elements (rows, groups) by their own mean and biased variance:
//   y = gamma x^ + beta, x^ = (x - mean) inverse, inverse = 1 / sqrt(variance + epsilon)
// in two passes: the variance is a mean of squared distances. Gradients, with g = dy gamma:
//   dx = inverse (g - mean(g) - x^ mean(g x^)); dgamma = sum dy x^, dbeta = sum dy over all that share a channel.
// `forward` and `input_gradient` give a set to a team of threads (norm/alone, norm/team); `sums` adds slices of
// `sizes.span` rows a column, which reduce/axis-sum joins. Every sum has a fixed order.
//
// Which elements a set has is said by who imports this:
//   Place: index, the number of its set; member, the thread's number in its team; there, false for teams behind the last
//   set, which read that one too and write nothing. place_of(thread): the Place of a thread.
//   lanes(): lanes of a set; lane_at(at, i): where lane i lies in x. scaled(value, at, i): times gamma;
//   shifted(value, at, i): plus beta. epsilon().
//   rows(), columns(): x as a matrix with a column for each lane of gamma; stats_at(row, column): of the set there.
//   sizes: a uniform with slices, span.
//
// x, y, dy, dx; gamma, beta [C]; stats, stats_out [sets]: mean, inverse; partial_gamma, partial_beta [slices, C]; C a
// multiple of LANES. Constants: TEAM. Grid: forward, input_gradient sets * TEAM threads; sums slices * columns. Both tunings.
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

const ONES = Lane(1.0);

// Threads of a workgroup (norm/team).
const GROUP = 64u;

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  let at = place_of(thread);
  let elements = f32(lanes() * LANES);
  var sum = Lane();
  for (var i = at.member; i < lanes(); i += u32(TEAM)) {
    sum += x[lane_at(at, i)];
  }
  let mean = team_sum(vec2f(inner(sum, ONES), 0.0), thread.local).x / elements;
  var squares = Lane();
  for (var i = at.member; i < lanes(); i += u32(TEAM)) {
    let d = x[lane_at(at, i)] - mean;
    squares += d * d;
  }
  let variance = team_sum(vec2f(inner(squares, ONES), 0.0), thread.local).x / elements;
  let inverse = 1.0 / sqrt(variance + epsilon());
  if (!at.there) {
    return;
  }
  if (at.member == 0u) {
    stats_out[at.index] = vec2f(mean, inverse);
  }
  for (var i = at.member; i < lanes(); i += u32(TEAM)) {
    let place = lane_at(at, i);
    y[place] = shifted(scaled((x[place] - mean) * inverse, at, i), at, i);
  }
}

@compute @workgroup_size(64)
fn input_gradient(thread: Thread) {
  let at = place_of(thread);
  let mean = stats[at.index].x;
  let inverse = stats[at.index].y;
  var plain = Lane();
  var along = Lane();
  for (var i = at.member; i < lanes(); i += u32(TEAM)) {
    let place = lane_at(at, i);
    let g = scaled(dy[place], at, i);
    plain += g;
    along += g * ((x[place] - mean) * inverse);
  }
  let both = vec2f(inner(plain, ONES), inner(along, ONES));
  let means = team_sum(both, thread.local) / f32(lanes() * LANES);
  if (!at.there) {
    return;
  }
  for (var i = at.member; i < lanes(); i += u32(TEAM)) {
    let place = lane_at(at, i);
    let normal = (x[place] - mean) * inverse;
    dx[place] = inverse * (scaled(dy[place], at, i) - means.x - normal * means.y);
  }
}

@compute @workgroup_size(64)
fn sums(thread: Thread) {
  let t = number_of(thread);
  if (t >= sizes.slices * columns()) {
    return;
  }
  let column = t % columns();
  let first = t / columns() * sizes.span;
  let end = min(first + sizes.span, rows());
  var plain = Lane();
  var along = Lane();
  for (var row = first; row < end; row++) {
    let place = row * columns() + column;
    let own = stats_at(row, column);
    let g = dy[place];
    plain += g;
    along += g * ((x[place] - own.x) * own.y);
  }
  partial_gamma[t] = along;
  partial_beta[t] = plain;
}
