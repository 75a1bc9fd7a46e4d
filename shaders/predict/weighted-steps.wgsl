//! import walk/thread, walk/rolled, predict/base
// A step back of which the straight line gives the length and learnt weights give the direction:
//   line = HORIZON / (WINDOW - 1) (newest - oldest)
//   e = r sum over k of w[k] x[k], x[k] = step k / r, at most CLIP; r the root mean square of a tensor's steps
//   where GRADIENTS: e += r (w[WINDOW - 1] own / rms(own) + w[WINDOW] runner_up / rms(runner_up)), quotients at most GRADIENT_CLIP
//   rms(runner_up) is of what `squares` is given; `direction` may get the same with its images weighted, whose size then counts
//   predicted = base - |line| / |e| e, the norms over all recorded weights. Where e is 0, predicted = base.
// Without CLIP (0) x is not limited, and r has no say. A tensor that lies in several chunks is as many pieces.
//
// Entries in order: squares, unit_of, direction, total_of, length_of, step_back.
// history: slices of `stride` floats, oldest first; own, runner_up: gradients, as the tensor lies in its arena;
// weights [rows, inputs]; sums, known: a vec4 a slice of a piece; table: first slice, slices and weights of each tensor; units: of each
// tensor r, 1 / rms(own), 1 / rms(runner_up); lengths: of each tensor, then of all: (|e|^2, |line|^2), at the end |line| / |e|.
// squares and direction: one thread a slice; unit_of, total_of: a tensor; step_back: a weight; length_of: one thread.
// Constants: WINDOW snapshots, HORIZON, CLIP, GRADIENT_CLIP, GRADIENTS, TENSORS, BASE (see predict/base).
struct Piece {
  // Of the chunk, in floats: where it begins, how many there are, from a snapshot to the next.
  first: u32,
  count: u32,
  stride: u32,
  // Where it begins in its tensor.
  inside: u32,
  tensor: u32,
  // Of the weights.
  row: u32,
  // Number of its first slice, and how many.
  slice: u32,
  slices: u32,
}

@group(0) @binding(0) var<storage, read> history: array<f32>;
@group(0) @binding(1) var<storage, read_write> predicted: array<f32>;
@group(0) @binding(2) var<storage, read> own: array<f32>;
@group(0) @binding(3) var<storage, read> runner_up: array<f32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(6) var<storage, read> known: array<vec4f>;
@group(0) @binding(7) var<storage, read> table: array<vec4u>;
@group(0) @binding(8) var<storage, read_write> units: array<vec4f>;
@group(0) @binding(9) var<storage, read> unit: array<vec4f>;
@group(0) @binding(10) var<storage, read_write> lengths: array<vec4f>;
@group(0) @binding(11) var<storage, read> total: array<vec4f>;
@group(0) @binding(12) var<uniform> piece: Piece;

const STEPS = u32(WINDOW - 1);
const INPUTS = STEPS + select(0u, 2u, GRADIENTS);

// Weight i of the piece in snapshot k.
fn snapshot(k: u32, i: u32) -> f32 {
  return history[k * piece.stride + piece.first + i];
}

@compute @workgroup_size(64)
fn squares(thread: Thread) {
  let slice = number_of(thread);
  if (slice >= piece.slices) {
    return;
  }
  hide(thread);
  var sum = vec4f();
  for (var i = slice; i < piece.count; i += piece.slices) {
    var before = snapshot(0u, i);
    for (var k = 1u; k <= STEPS + hidden; k++) {
      let after = snapshot(k, i);
      sum.x += (after - before) * (after - before);
      before = after;
    }
    if (GRADIENTS) {
      let g = vec2f(own[piece.inside + i], runner_up[piece.inside + i]);
      sum += vec4f(0.0, g * g, 0.0);
    }
  }
  sums[piece.slice + slice] = sum;
}

// The sums of a tensor's slices.
fn of_tensor(t: u32) -> vec4f {
  var sum = vec4f();
  for (var s = table[t].x; s < table[t].x + table[t].y; s++) {
    sum += known[s];
  }
  return sum;
}

// 0 for 0: a gradient that vanished on a whole tensor has no say there.
fn inverse(x: f32) -> f32 {
  if (x > 0.0) {
    return 1.0 / x;
  }
  return 0.0;
}

@compute @workgroup_size(64)
fn unit_of(thread: Thread) {
  let t = number_of(thread);
  if (t >= u32(TENSORS)) {
    return;
  }
  let roots = sqrt(of_tensor(t) / (f32(table[t].z) * vec4f(f32(STEPS), 1.0, 1.0, 1.0)));
  units[t] = vec4f(roots.x, inverse(roots.y), inverse(roots.z), 0.0);
}

@compute @workgroup_size(64)
fn direction(thread: Thread) {
  let slice = number_of(thread);
  if (slice >= piece.slices) {
    return;
  }
  hide(thread);
  let scale = unit[piece.tensor];
  let most = select(f32(CLIP) * scale.x, 3.4e38, CLIP == 0);
  let w = piece.row * INPUTS;
  var sum = vec4f();
  for (var i = slice; i < piece.count; i += piece.slices) {
    let oldest = snapshot(0u, i);
    var before = oldest;
    var e = 0.0;
    for (var k = 1u; k <= STEPS + hidden; k++) {
      let after = snapshot(k, i);
      e += weights[w + k - 1u] * clamp(after - before, -most, most);
      before = after;
    }
    if (GRADIENTS) {
      let g = scale.yz * vec2f(own[piece.inside + i], runner_up[piece.inside + i]);
      let limited = clamp(g, vec2f(-f32(GRADIENT_CLIP)), vec2f(f32(GRADIENT_CLIP)));
      e += scale.x * (weights[w + STEPS] * limited.x + weights[w + STEPS + 1u] * limited.y);
    }
    let line = f32(HORIZON) / f32(STEPS) * (before - oldest);
    predicted[piece.first + i] = e;
    sum += vec4f(e * e, line * line, 0.0, 0.0);
  }
  sums[piece.slice + slice] = sum;
}

@compute @workgroup_size(64)
fn total_of(thread: Thread) {
  let t = number_of(thread);
  if (t < u32(TENSORS)) {
    lengths[t] = of_tensor(t);
  }
}

@compute @workgroup_size(1)
fn length_of() {
  var sum = vec4f();
  for (var t = 0u; t < u32(TENSORS); t++) {
    sum += lengths[t];
  }
  lengths[TENSORS] = vec4f(sum.xy, sqrt(sum.y * inverse(sum.x)), 0.0);
}

@compute @workgroup_size(64)
fn step_back(thread: Thread) {
  let i = number_of(thread);
  if (i >= piece.count) {
    return;
  }
  let base = base_of(snapshot(0u, i), snapshot(STEPS, i));
  predicted[piece.first + i] = base - total[TENSORS].z * predicted[piece.first + i];
}
