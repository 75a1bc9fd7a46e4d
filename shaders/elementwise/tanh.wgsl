// y = tanh(x); dx = (1 - y) (1 + y) dy. x, y, dy, dx: N contiguous elements. The builtin is not
// used: it may be computed as a quotient of exponentials, which has no correct digit left for |x|
// around 1e-7. Below 0.5: Lambert's continued fraction x / (1 + x^2 / (3 + x^2 / (5 + ...))), five
// levels, relative error 9e-11 before rounding. Above: 1 - 2 / (exp(2 |x|) + 1), with |x| capped
// where the result has rounded to 1, so that the exponential stays finite.
// Prelude: N elements, PER quads a thread (graph/elementwise.ts). One thread for PER quads.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<storage, read> y_kept: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

const QUADS = (u32(N) + 3u) / 4u;

fn tanh_precise(v: vec4f) -> vec4f {
  let s = min(v * v, vec4f(1.0));
  let small = v * (945.0 + s * (105.0 + s)) / (945.0 + s * (420.0 + 15.0 * s));
  let large = 1.0 - 2.0 / (exp(2.0 * min(abs(v), vec4f(10.0))) + 1.0);
  return select(sign(v) * large, small, abs(v) < vec4f(0.5));
}

fn first_quad(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * (64u * PER) + local;
}

// Zero behind element N, so that the padding of an arena's views stays zero.
fn within(v: vec4f, quad: u32) -> vec4f {
  if (N % 4 == 0) {
    return v;
  }
  return select(vec4f(), v, 4u * quad + vec4u(0u, 1u, 2u, 3u) < vec4u(N));
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = first_quad(wid, groups, local) + 64u * k;
    if (i < QUADS) {
      y[i] = within(tanh_precise(x[i]), i);
    }
  }
}

@compute @workgroup_size(64)
fn backward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = first_quad(wid, groups, local) + 64u * k;
    if (i < QUADS) {
      let v = y_kept[i];
      dx[i] = within((1.0 - v) * (1.0 + v) * dy[i], i);
    }
  }
}
