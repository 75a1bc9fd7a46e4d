// Sums of the rows of each node: y[n, :] = sum of x[order[j], :] over j = starts[n] … starts[n + 1] - 1, in
// this order, so that the same input gives the same bits.
// Prelude: NODES, WIDTH floats a row (a multiple of 4). x [edges, WIDTH], starts [NODES + 1], order [edges],
// y [NODES, WIDTH]. One thread a quad of y.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> order: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

const QUADS = u32(WIDTH) / 4u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= u32(NODES) * QUADS) {
    return;
  }
  let n = i / QUADS;
  let end = starts[n + 1u];
  var sum = vec4f();
  for (var j = starts[n]; j < end; j++) {
    sum += x[order[j] * QUADS + i % QUADS];
  }
  y[i] = sum;
}
