// SiLU (swish), y = x s(x) with s the logistic function, and dx = s (1 + x (1 - s)) dy.
// Exponentials are only taken of numbers below 0: nothing overflows, whatever the size of x.
// x, y, dy, dx: N contiguous elements. Prelude: N elements, PER quads a thread (graph/elementwise.ts).
// One thread for PER quads.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

const QUADS = (u32(N) + 3u) / 4u;

fn logistic(v: vec4f) -> vec4f {
  // Beyond -87 the exponential would be below the smallest float, and v times it is 0 either way.
  let e = exp(-min(abs(v), vec4f(87.0)));
  return select(e, vec4f(1.0), v > vec4f()) / (1.0 + e);
}

fn first_quad(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * (64u * PER) + local;
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  var i = first_quad(wid, groups, local);
  for (var k = 0u; k < PER && i < QUADS; k++) {
    y[i] = x[i] * logistic(x[i]);
    i += 64u;
  }
}

@compute @workgroup_size(64)
fn backward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  var i = first_quad(wid, groups, local);
  for (var k = 0u; k < PER && i < QUADS; k++) {
    let s = logistic(x[i]);
    dx[i] = s * (1.0 + x[i] * (1.0 - s)) * dy[i];
    i += 64u;
  }
}
