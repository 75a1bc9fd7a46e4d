//! import walk/quads
// l1 loss. forward, first stage: partial[s] = SCALE * sum of |x - t| over quads s, s + SLICES, ...
// (four sums a slice, to be added by reduce/axis-sum); backward: dx = dloss * SCALE * sign(x - t),
// with sign(0) = 0.
//
// x, t, dx: N contiguous elements; partial [SLICES, 4]; dloss [1]. Without a target (HAS_TARGET
// false) t is 0 and its binding unused. The gradient of t is that of x with SCALE negated.
// Constants: N elements, SLICES, SCALE, HAS_TARGET, PER quads a thread (backward).
// forward: one thread a slice; backward: one thread for PER quads.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> t: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

fn difference(i: u32) -> vec4f {
  if (HAS_TARGET) {
    return x[i] - t[i];
  }
  return x[i];
}

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  let slice = number_of(thread);
  if (slice >= u32(SLICES)) {
    return;
  }
  var sum = vec4f();
  for (var i = slice; i < COUNT; i += u32(SLICES)) {
    sum += within(abs(difference(i)), i);
  }
  partial[slice] = sum * SCALE;
}

fn each(i: u32) {
  dx[i] = within(sign(difference(i)) * (dloss[0] * SCALE), i);
}

@compute @workgroup_size(64)
fn backward(thread: Thread) {
  walk(thread);
}
