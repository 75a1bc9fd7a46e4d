// l1 loss. forward, first stage: partial[s] = SCALE * sum of |x - t| over quads s, s + SLICES, ...
// (four sums a slice, to be added by reduce/axis-sum); backward: dx = dloss * SCALE * sign(x - t),
// with sign(0) = 0.
//
// x, t, dx: N contiguous elements; partial [SLICES, 4]; dloss [1]. Without a target (HAS_TARGET
// false) t is 0 and its binding unused. The gradient of t is that of x with SCALE negated.
// Prelude: N elements, SLICES, SCALE, HAS_TARGET, PER quads a thread (backward).
// forward: one thread a slice; backward: one thread for PER quads.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> t: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

const QUADS = (u32(N) + 3u) / 4u;

// What lies behind element N is 0: it adds nothing, and the padding of an arena's views stays zero.
fn within(v: vec4f, quad: u32) -> vec4f {
  if (N % 4 == 0) {
    return v;
  }
  return select(vec4f(), v, 4u * quad + vec4u(0u, 1u, 2u, 3u) < vec4u(N));
}

fn difference(i: u32) -> vec4f {
  if (HAS_TARGET) {
    return x[i] - t[i];
  }
  return x[i];
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let slice = (wid.y * groups.x + wid.x) * 64u + local;
  if (slice >= u32(SLICES)) {
    return;
  }
  var sum = vec4f();
  for (var i = slice; i < QUADS; i += u32(SLICES)) {
    sum += within(abs(difference(i)), i);
  }
  partial[slice] = sum * SCALE;
}

@compute @workgroup_size(64)
fn backward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = (wid.y * groups.x + wid.x) * (64u * PER) + 64u * k + local;
    if (i < QUADS) {
      dx[i] = within(sign(difference(i)) * (dloss[0] * SCALE), i);
    }
  }
}
