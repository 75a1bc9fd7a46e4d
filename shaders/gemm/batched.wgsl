//! import product/c-scalar, after/nothing
//! needs sizes
// Products of many small matrices: c_i = op(a_i) op(b_i), any shape, either tuning.
//
// a [pieces, m, k] ([pieces, k, m] if TRANS_A), b [pieces, k, n] ([pieces, n, k] if TRANS_B), c [pieces, m, n].
// Constants: TRANS_A, TRANS_B. A thread makes 4 x 4 results of one product; the grid is
// pieces ceil(m / 4) ceil(n / 4) threads. Rows and columns past the edge repeat the last one and are not
// stored.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

fn put(batch: u32, row: u32, col: u32, value: vec4f) {
  if (row < sizes.m) {
    store((batch * sizes.m + row) * sizes.n, col, value);
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let id = (wid.y * groups.x + wid.x) * 64u + local;
  let tilesM = (sizes.m + 3u) / 4u;
  let tilesN = (sizes.n + 3u) / 4u;
  let batch = id / (tilesM * tilesN);
  if (batch >= sizes.pieces) {
    return;
  }
  let row = id / tilesN % tilesM * 4u;
  let col = id % tilesN * 4u;
  let rows = min(vec4u(row) + vec4u(0u, 1u, 2u, 3u), vec4u(sizes.m - 1u)) * select(sizes.k, 1u, TRANS_A);
  let cols = min(vec4u(col) + vec4u(0u, 1u, 2u, 3u), vec4u(sizes.n - 1u)) * sizes.columnB;
  let firstA = vec4u(batch * sizes.m * sizes.k) + rows;
  let firstB = vec4u(batch * sizes.k * sizes.n) + cols;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var k = 0u; k < sizes.k; k++) {
    let ia = firstA + k * select(1u, sizes.m, TRANS_A);
    let ib = firstB + k * sizes.stepB;
    let v = vec4f(b[ib.x], b[ib.y], b[ib.z], b[ib.w]);
    s0 += a[ia.x] * v;
    s1 += a[ia.y] * v;
    s2 += a[ia.z] * v;
    s3 += a[ia.w] * v;
  }
  put(batch, row, col, s0);
  put(batch, row + 1u, col, s1);
  put(batch, row + 2u, col, s2);
  put(batch, row + 3u, col, s3);
}
