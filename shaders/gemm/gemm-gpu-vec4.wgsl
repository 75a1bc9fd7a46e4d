// Matrix product c = op(a) op(b) (+ bias), GPU tuning, rows of four.
//
// a [M, K] ([K, M] if TRANS_A), b [K, N] ([N, K] if TRANS_B), bias [N] (read only if HAS_BIAS), c
// [M, N], or partial sums c [SLICES, M, N] over slices of k if SLICES > 1 (then without bias).
// Needs N % 4 == 0, K % 4 == 0 if TRANS_B, and M % 4 == 0 if TRANS_A, else K % 4 == 0.
// Constants: M, N, K, TRANS_A, TRANS_B, HAS_BIAS, SLICES and the tile constants below.
// Grid: ceil(M / BM) ceil(N / BN) SLICES workgroups, folded into x and y.
//
// Tuning: GPUs (discrete NVIDIA in mind), within WebGPU's default limits. Tile constants: BM x BN =
// rows and columns a workgroup makes (32, 64 or 128 each, k in steps of 16), TM, TN = row and column
// quads a lane makes (1 or 2; a lane has 4 TM x 4 TN results in registers, and TM > 1 takes BM >= 64,
// TN > 1 BN >= 64), WG = BM BN / (16 TM TN) lanes. Workgroup memory: 64 (BM + BN) bytes.

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4f>;

const ROW_TILES = (u32(M) + BM - 1u) / BM;
const COL_TILES = (u32(N) + BN - 1u) / BN;
const GROUPS = ROW_TILES * COL_TILES * SLICES;
const SLICE_K = (u32(K) + 16u * SLICES - 1u) / (16u * SLICES) * 16u;

const TX = BN / (4 * TN);
// Whether there are enough lanes for some to copy only a and the others only b.
const SPLIT = WG >= BM + BN;

// Tiles of op(a) and op(b), k-major [16][quads]. Quad q of k step k lies at q ^ (2 (k / 4)): so lanes
// that hold neighbouring k store without bank conflicts, and no padding breaks the 16 KiB.
var<workgroup> tileA: array<vec4f, 4 * BM>;
var<workgroup> tileB: array<vec4f, 4 * BN>;

// Rows of the result: a's rows times four columns of b.
fn outer(a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(a.x * b, a.y * b, a.z * b, a.w * b);
}

fn quadA(i: u32, valid: bool) -> vec4f {
  var v = vec4f();
  if (valid) {
    v = a[i];
  }
  return v;
}

// Block of op(a) from row row and step k on: columns are steps of k.
fn blockA(row: u32, k: u32, end: u32) -> mat4x4f {
  if (TRANS_A) {
    let i = k * (M / 4) + row / 4u;
    let inside = row < M;
    return mat4x4f(
      quadA(i, inside && k < end),
      quadA(i + M / 4, inside && k + 1u < end),
      quadA(i + 2 * (M / 4), inside && k + 2u < end),
      quadA(i + 3 * (M / 4), inside && k + 3u < end),
    );
  }
  let i = row * (K / 4) + k / 4u;
  let inside = k < end;
  return transpose(mat4x4f(
    quadA(i, inside && row < M),
    quadA(i + K / 4, inside && row + 1u < M),
    quadA(i + 2 * (K / 4), inside && row + 2u < M),
    quadA(i + 3 * (K / 4), inside && row + 3u < M),
  ));
}

fn quadB(i: u32, valid: bool) -> vec4f {
  var v = vec4f();
  if (valid) {
    v = b[i];
  }
  return v;
}

// Block of op(b) from column col and step k on: columns are steps of k.
fn blockB(col: u32, k: u32, end: u32) -> mat4x4f {
  if (!TRANS_B) {
    let i = k * (N / 4) + col / 4u;
    let inside = col < N;
    return mat4x4f(
      quadB(i, inside && k < end),
      quadB(i + N / 4, inside && k + 1u < end),
      quadB(i + 2 * (N / 4), inside && k + 2u < end),
      quadB(i + 3 * (N / 4), inside && k + 3u < end),
    );
  }
  let i = col * (K / 4) + k / 4u;
  let inside = k < end;
  return transpose(mat4x4f(
    quadB(i, inside && col < N),
    quadB(i + K / 4, inside && col + 1u < N),
    quadB(i + 2 * (K / 4), inside && col + 2u < N),
    quadB(i + 3 * (K / 4), inside && col + 3u < N),
  ));
}

// Stores four neighbours of one row, if they exist.
fn putRow(slice: u32, row: u32, col: u32, value: vec4f) {
  if (row >= M || col >= N) {
    return;
  }
  var r = value;
  if (HAS_BIAS) {
    r += bias[col / 4u];
  }
  c[(slice * M + row) * (N / 4) + col / 4u] = r;
}

fn put(slice: u32, s: mat4x4f, row: u32, col: u32) {
  putRow(slice, row, col, s[0]);
  putRow(slice, row + 1u, col, s[1]);
  putRow(slice, row + 2u, col, s[2]);
  putRow(slice, row + 3u, col, s[3]);
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) t: u32,
) {
  let id = wid.y * grid.x + wid.x;
  let hidden = grid.z - 1u; // always 0; stops drivers from unrolling more than four steps
  if (id >= GROUPS) {
    return;
  }
  // Tiles go in bands of eight tile rows, column by column, so that neighbours share caches.
  let slice = id / (ROW_TILES * COL_TILES);
  let tile = id % (ROW_TILES * COL_TILES);
  let band = tile / (8u * COL_TILES);
  let inBand = tile % (8u * COL_TILES);
  let bandRows = min(8u, ROW_TILES - 8u * band);
  let row0 = (8u * band + inBand % bandRows) * BM;
  let col0 = inBand / bandRows * BN;
  let begin = slice * SLICE_K;
  let end = min(u32(K), begin + SLICE_K);

  // The 4 x 4 block (k quad, row or column quad) that this lane copies in every step.
  let ub = select(t, t - BM, SPLIT);
  let isA = t < BM;
  let isB = ub < BN;
  let kA = select(t % 4u, t / (BM / 4), TRANS_A);
  let qA = select(t / 4u, t % (BM / 4), TRANS_A);
  let kB = select(ub % 4u, ub / (BN / 4), !TRANS_B);
  let qB = select(ub / 4u, ub % (BN / 4), !TRANS_B);
  // Results: a warp makes 4 x 8 quads, which reads the tiles with the fewest bank conflicts.
  let tx = t % 8u + 8u * (t / 32u % (TX / 8));
  let ty = t / 8u % 4u + 4u * (t / 32u / (TX / 8));
  var s00 = mat4x4f();
  var s01 = mat4x4f();
  var s10 = mat4x4f();
  var s11 = mat4x4f();
  // One round more than steps of k: a round loads its step into registers, multiplies the step
  // before, which hides the loads, and stores its own.
  for (var k = begin; k < end + 16u; k += 16u) {
    var v = mat4x4f();
    var u = mat4x4f();
    if (isA) {
      v = blockA(row0 + 4u * qA, k + 4u * kA, end);
    } else if (SPLIT && isB) {
      v = blockB(col0 + 4u * qB, k + 4u * kB, end);
    }
    if (!SPLIT && isB) {
      u = blockB(col0 + 4u * qB, k + 4u * kB, end);
    }
    if (k > begin) {
      for (var q = 0u; q < 4u + hidden; q++) {
        let ia = q * BM + (ty ^ (2u * q));
        let ia2 = ia + BM / 8;
        let ib = q * BN + (tx ^ (2u * q));
        let ib2 = ib + TX;
        var a0 = vec4f();
        var a1 = vec4f();
        var b0 = vec4f();
        var b1 = vec4f();
        a0 = tileA[ia];
        b0 = tileB[ib];
        s00 += outer(a0, b0);
        if (TN > 1) {
          b1 = tileB[ib2];
          s01 += outer(a0, b1);
        }
        if (TM > 1) {
          a1 = tileA[ia2];
          s10 += outer(a1, b0);
        }
        if (TM > 1 && TN > 1) {
          s11 += outer(a1, b1);
        }
        a0 = tileA[ia + BM / 4];
        b0 = tileB[ib + BN / 4];
        s00 += outer(a0, b0);
        if (TN > 1) {
          b1 = tileB[ib2 + BN / 4];
          s01 += outer(a0, b1);
        }
        if (TM > 1) {
          a1 = tileA[ia2 + BM / 4];
          s10 += outer(a1, b0);
        }
        if (TM > 1 && TN > 1) {
          s11 += outer(a1, b1);
        }
        a0 = tileA[ia + BM / 2];
        b0 = tileB[ib + BN / 2];
        s00 += outer(a0, b0);
        if (TN > 1) {
          b1 = tileB[ib2 + BN / 2];
          s01 += outer(a0, b1);
        }
        if (TM > 1) {
          a1 = tileA[ia2 + BM / 2];
          s10 += outer(a1, b0);
        }
        if (TM > 1 && TN > 1) {
          s11 += outer(a1, b1);
        }
        a0 = tileA[ia + 3 * BM / 4];
        b0 = tileB[ib + 3 * BN / 4];
        s00 += outer(a0, b0);
        if (TN > 1) {
          b1 = tileB[ib2 + 3 * BN / 4];
          s01 += outer(a0, b1);
        }
        if (TM > 1) {
          a1 = tileA[ia2 + 3 * BM / 4];
          s10 += outer(a1, b0);
        }
        if (TM > 1 && TN > 1) {
          s11 += outer(a1, b1);
        }
      }
    }
    workgroupBarrier();
    if (isA) {
      let i = kA * BM + (qA ^ (2u * kA));
      tileA[i] = v[0];
      tileA[i + BM / 4] = v[1];
      tileA[i + BM / 2] = v[2];
      tileA[i + 3 * BM / 4] = v[3];
    }
    if (isB) {
      if (!SPLIT) {
        v = u;
      }
      let i = kB * BN + (qB ^ (2u * kB));
      tileB[i] = v[0];
      tileB[i + BN / 4] = v[1];
      tileB[i + BN / 2] = v[2];
      tileB[i + 3 * BN / 4] = v[3];
    }
    workgroupBarrier();
  }
  let row = row0 + 4u * ty;
  let col = col0 + 4u * tx;
  put(slice, s00, row, col);
  if (TN > 1) {
    put(slice, s01, row, col + BN / 2);
  }
  if (TM > 1) {
    put(slice, s10, row + BM / 2, col);
  }
  if (TM > 1 && TN > 1) {
    put(slice, s11, row + BM / 2, col + BN / 2);
  }
}
