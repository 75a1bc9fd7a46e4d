//! import product/c-scalar
// Products of many small matrices: c_i = op(a_i) op(b_i), any shape, either tuning.
//
// a [BATCH, M, K] ([BATCH, K, M] if TRANS_A), b [BATCH, K, N] ([BATCH, N, K] if TRANS_B), c [BATCH, M, N].
// Constants: BATCH, M, N, K, TRANS_A, TRANS_B. A thread makes 4 x 4 results of one product; the grid is
// BATCH ceil(M / 4) ceil(N / 4) threads. Rows and columns past the edge repeat the last one and are not
// stored.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

const TILES_M = (u32(M) + 3u) / 4u;
const TILES_N = (u32(N) + 3u) / 4u;
const STEP_A = select(u32(K), 1u, TRANS_A);
const K_STEP_A = select(1u, u32(M), TRANS_A);
const STEP_B = select(1u, u32(K), TRANS_B);
const K_STEP_B = select(u32(N), 1u, TRANS_B);

fn put(batch: u32, row: u32, col: u32, value: vec4f) {
  if (row < M) {
    store((batch * u32(M) + row) * u32(N), col, value);
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let id = (wid.y * groups.x + wid.x) * 64u + local;
  let batch = id / (TILES_M * TILES_N);
  if (batch >= BATCH) {
    return;
  }
  let row = id / TILES_N % TILES_M * 4u;
  let col = id % TILES_N * 4u;
  let rows = min(vec4u(row) + vec4u(0u, 1u, 2u, 3u), vec4u(u32(M) - 1u)) * STEP_A;
  let cols = min(vec4u(col) + vec4u(0u, 1u, 2u, 3u), vec4u(u32(N) - 1u)) * STEP_B;
  let firstA = vec4u(batch * u32(M) * u32(K)) + rows;
  let firstB = vec4u(batch * u32(K) * u32(N)) + cols;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var k = 0u; k < K; k++) {
    let ia = firstA + k * K_STEP_A;
    let ib = firstB + k * K_STEP_B;
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
