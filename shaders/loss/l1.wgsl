//! import walk/quads
// l1 loss. forward, first stage: partial[s] = scale * sum of |x - t| over quads s, s + slices, ... (four sums a
// slice of QUADS, to be added by reduce/axis-sum); backward: dx = dloss * scale * sign(x - t), with sign(0) = 0.
//
// x, t, dx: N contiguous elements; partial [slices, 4]; dloss [1]. Without a target (HAS_TARGET
// false) t is 0 and its binding unused. The gradient of t is that of x with scale negated.
// Constants: QUADS a slice, HAS_TARGET, PER quads a thread (backward).
// forward: one thread a slice; backward: one thread for PER quads.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> t: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(8) var<uniform> scale: f32;

fn difference(i: u32) -> vec4f {
  if (HAS_TARGET) {
    return x[i] - t[i];
  }
  return x[i];
}

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  let slice = number_of(thread);
  let slices = (items() + u32(QUADS) - 1u) / u32(QUADS);
  if (slice >= slices) {
    return;
  }
  var sum = vec4f();
  for (var i = slice; i < items(); i += slices) {
    sum += within(abs(difference(i)), i);
  }
  partial[slice] = sum * scale;
}

fn each(i: u32) {
  dx[i] = within(sign(difference(i)) * (dloss[0] * scale), i);
}

@compute @workgroup_size(64)
fn backward(thread: Thread) {
  walk(thread);
}
