// Matrix product c = op(a) op(b) (+ bias), software tuning, any shape.
//
// a [M, K] ([K, M] if TRANS_A), b [K, N] ([N, K] if TRANS_B), bias [N] (read only if HAS_BIAS), c
// [M, N], or partial sums c [SLICES, M, N] over slices of k if SLICES > 1 (then without bias).
// Constants: M, N, K, TRANS_A, TRANS_B, HAS_BIAS, SLICES; VT = vec4 columns a lane (1, 2 or 4); WG
// = lanes a workgroup.
// Grid: ceil(ceil(M / 8) ceil(N / 4 / VT) SLICES / WG) workgroups, folded into x and y.
//
// Tuning: software adapters (lavapipe, SwiftShader). There a load whose address is not a constant
// becomes a loop over the lanes of some 35 instructions each, so a lane has a fat tile (8 rows x 4
// VT columns) to pay for it; and the inner loop has to stay inside the 32 KiB instruction cache,
// so rows are read as scalars and nothing is unrolled: unrolling by four halves the speed, and
// letting the driver unroll by itself costs seconds of compilation (hence `hidden`).

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

const QUADS = (u32(N) + 3u) / 4u;
const ROW_TILES = (M + 7u) / 8u;
const COL_TILES = (QUADS + VT - 1u) / VT;
const SLICE_K = (K + SLICES - 1u) / SLICES;
const STEP_B = select(1u, K, TRANS_B);
const STEP_A = select(1u, M, TRANS_A);

// Four neighbours of b from index i; what lies past the last column is never stored.
fn columns(i: u32, step: u32) -> vec4f {
  var q = vec4f(b[i], 0.0, 0.0, 0.0);
  if (N > 1u) {
    q.y = b[i + step];
  }
  if (N > 2u) {
    q.z = b[i + 2u * step];
  }
  if (N > 3u) {
    q.w = b[i + 3u * step];
  }
  return q;
}

// Stores up to four columns; the tile may hang over the edge.
fn put(row: u32, quad: u32, value: vec4f) {
  let first = quad * 4u;
  let i = row * N + first;
  if (first < N) {
    c[i] = value.x;
  }
  if (first + 1u < N) {
    c[i + 1u] = value.y;
  }
  if (first + 2u < N) {
    c[i + 2u] = value.z;
  }
  if (first + 3u < N) {
    c[i + 3u] = value.w;
  }
}

// Four bias values from column c.
fn biasQuad(c: u32) -> vec4f {
  return vec4f(bias[c], bias[c + 1u], bias[c + 2u], bias[c + 3u]);
}

// The r-th of eight values: lets one loop store all rows, which keeps the code small.
fn pick(
  r: u32,
  q0: vec4f,
  q1: vec4f,
  q2: vec4f,
  q3: vec4f,
  q4: vec4f,
  q5: vec4f,
  q6: vec4f,
  q7: vec4f,
) -> vec4f {
  let low = select(select(q0, q1, r == 1u), select(q2, q3, r == 3u), r > 1u);
  let high = select(select(q4, q5, r == 5u), select(q6, q7, r == 7u), r > 5u);
  return select(low, high, r > 3u);
}

// First element of row `row` of op(a).
fn rowOf(row: u32) -> u32 {
  let r = min(row, M - 1u);
  return select(r * K, r, TRANS_A);
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = (wid.y * grid.x + wid.x) * WG + lane;
  let hidden = grid.z - 1u; // always 0, but the driver does not know
  let slice = min(id / (ROW_TILES * COL_TILES), SLICES - 1u);
  let quad = id % COL_TILES * VT;
  let rowTile = id / COL_TILES % ROW_TILES;
  let row0 = select(M, rowTile * 8u, id < ROW_TILES * COL_TILES * SLICES);
  let o0 = rowOf(row0 );
  let o1 = rowOf(row0 + 1u);
  let o2 = rowOf(row0 + 2u);
  let o3 = rowOf(row0 + 3u);
  let o4 = rowOf(row0 + 4u);
  let o5 = rowOf(row0 + 5u);
  let o6 = rowOf(row0 + 6u);
  let o7 = rowOf(row0 + 7u);
  var s00 = vec4f(); var s01 = vec4f(); var s02 = vec4f(); var s03 = vec4f();
  var s10 = vec4f(); var s11 = vec4f(); var s12 = vec4f(); var s13 = vec4f();
  var s20 = vec4f(); var s21 = vec4f(); var s22 = vec4f(); var s23 = vec4f();
  var s30 = vec4f(); var s31 = vec4f(); var s32 = vec4f(); var s33 = vec4f();
  var s40 = vec4f(); var s41 = vec4f(); var s42 = vec4f(); var s43 = vec4f();
  var s50 = vec4f(); var s51 = vec4f(); var s52 = vec4f(); var s53 = vec4f();
  var s60 = vec4f(); var s61 = vec4f(); var s62 = vec4f(); var s63 = vec4f();
  var s70 = vec4f(); var s71 = vec4f(); var s72 = vec4f(); var s73 = vec4f();
  if (HAS_BIAS) {
    s00 = biasQuad(quad * 4u );
    s10 = s00;
    s20 = s00;
    s30 = s00;
    s40 = s00;
    s50 = s00;
    s60 = s00;
    s70 = s00;
    if (VT > 1u) {
      s01 = biasQuad(quad * 4u + 4u);
      s11 = s01;
      s21 = s01;
      s31 = s01;
      s41 = s01;
      s51 = s01;
      s61 = s01;
      s71 = s01;
    }
    if (VT > 2u) {
      s02 = biasQuad(quad * 4u + 8u);
      s12 = s02;
      s22 = s02;
      s32 = s02;
      s42 = s02;
      s52 = s02;
      s62 = s02;
      s72 = s02;
      s03 = biasQuad(quad * 4u + 12u);
      s13 = s03;
      s23 = s03;
      s33 = s03;
      s43 = s03;
      s53 = s03;
      s63 = s03;
      s73 = s03;
    }
  }
  let last = min(u32(K), slice * SLICE_K + SLICE_K) + hidden;
  for (var k = slice * SLICE_K; k < last; k++) {
    let ka = k * STEP_A;
    let a0 = a[o0 + ka];
    let a1 = a[o1 + ka];
    let a2 = a[o2 + ka];
    let a3 = a[o3 + ka];
    let a4 = a[o4 + ka];
    let a5 = a[o5 + ka];
    let a6 = a[o6 + ka];
    let a7 = a[o7 + ka];
    let kb = select(k * N + quad * 4u, quad * 4u * K + k, TRANS_B);
    let b0 = columns(kb, STEP_B);
    var b1 = vec4f();
    var b2 = vec4f();
    var b3 = vec4f();
    if (VT > 1u) {
      b1 = columns(kb + 4u * STEP_B, STEP_B);
    }
    if (VT > 2u) {
      b2 = columns(kb + 8u * STEP_B, STEP_B);
      b3 = columns(kb + 12u * STEP_B, STEP_B);
    }
    s00 += a0 * b0;
    s10 += a1 * b0;
    s20 += a2 * b0;
    s30 += a3 * b0;
    s40 += a4 * b0;
    s50 += a5 * b0;
    s60 += a6 * b0;
    s70 += a7 * b0;
    if (VT > 1u) {
      s01 += a0 * b1;
      s11 += a1 * b1;
      s21 += a2 * b1;
      s31 += a3 * b1;
      s41 += a4 * b1;
      s51 += a5 * b1;
      s61 += a6 * b1;
      s71 += a7 * b1;
    }
    if (VT > 2u) {
      s02 += a0 * b2;
      s12 += a1 * b2;
      s22 += a2 * b2;
      s32 += a3 * b2;
      s42 += a4 * b2;
      s52 += a5 * b2;
      s62 += a6 * b2;
      s72 += a7 * b2;
      s03 += a0 * b3;
      s13 += a1 * b3;
      s23 += a2 * b3;
      s33 += a3 * b3;
      s43 += a4 * b3;
      s53 += a5 * b3;
      s63 += a6 * b3;
      s73 += a7 * b3;
    }
  }
  for (var r = 0u; r < 8u + hidden; r++) {
    let row = row0 + r;
    if (row < M) {
      put(slice * M + row, quad, pick(r, s00, s10, s20, s30, s40, s50, s60, s70));
      if (VT > 1u) {
        put(slice * M + row, quad + 1u, pick(r, s01, s11, s21, s31, s41, s51, s61, s71));
      }
      if (VT > 2u) {
        put(slice * M + row, quad + 2u, pick(r, s02, s12, s22, s32, s42, s52, s62, s72));
        put(slice * M + row, quad + 3u, pick(r, s03, s13, s23, s33, s43, s53, s63, s73));
      }
    }
  }
}
