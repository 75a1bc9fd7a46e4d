// Convolution forward, y = conv(x, w) (+ b), GPU tuning, any shape.
//
// y[n, oh, ow, o] = b[o] + sum over kh, kw, i of x[n, oh SH + kh - PH, ow SW + kw - PW, i] w[kh, kw,
// i, o]; x outside the image counts as zero. x [N, H, W, CIN], w [KH, KW, CIN, COUT], b [COUT] (read
// only if HAS_BIAS), y [N, OH, OW, COUT]. As a matrix product: rows are output pixels, k runs
// over (kh, kw, i), columns are output channels; the matrix of patches is never stored.
// Constants: N, H, W, CIN, OH, OW, COUT, KH, KW, SH, SW (stride), PH, PW (top and left padding), HAS_BIAS
// and the tile constants below.
// Grid: ceil(N OH OW / BM) ceil(COUT / BN) workgroups, folded into x and y.
//
// Tuning: GPUs (discrete NVIDIA in mind), within WebGPU's default limits. Tile constants: BM x BN =
// rows and columns a workgroup makes (32, 64 or 128 each, k in steps of 16), TM, TN = row and column
// quads a lane makes (1 or 2; a lane has 4 TM x 4 TN results in registers, and TM > 1 takes BM >= 64,
// TN > 1 BN >= 64), WG = BM BN / (16 TM TN) lanes. Workgroup memory: 64 (BM + BN) bytes.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const ROWS = u32(N) * OH * OW;
const K = u32(KH) * KW * CIN;
const COL_TILES = (u32(COUT) + BN - 1u) / BN;
const GROUPS = (ROWS + BM - 1u) / BM * COL_TILES;
// No picture is that large: marks rows past the end.
const OUTSIDE = 0x80000000u;

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

// First input row and column and index (elements) of the patches of four output pixels. What lies
// left of or above the image wraps to large numbers; sums with taps wrap back.
struct Patches {
  h: vec4u,
  w: vec4u,
  i: vec4u,
}

fn patches(row: u32) -> Patches {
  let p = vec4u(row, row + 1u, row + 2u, row + 3u);
  let h = p / OW % OH * SH - PH;
  let w = p % OW * SW - PW;
  let i = ((p / (OH * OW) * H + h) * W + w) * (CIN);
  return Patches(select(vec4u(OUTSIDE), h, p < vec4u(ROWS)), w, i);
}

fn at(h: u32, w: u32, i: u32) -> f32 {
  var v = f32();
  if (h < H && w < W) {
    v = x[i];
  }
  return v;
}

// Four patches at step k, zero outside.
fn quadA(p: Patches, k: u32, end: u32) -> vec4f {
  if (k >= end) {
    return vec4f();
  }
  let tap = k / CIN;
  let kh = tap / KW;
  let kw = tap % KW;
  let h = p.h + kh;
  let w = p.w + kw;
  let i = p.i + (kh * W + kw) * CIN + k % CIN;
  return vec4f(at(h.x, w.x, i.x), at(h.y, w.y, i.y), at(h.z, w.z, i.z), at(h.w, w.w, i.w));
}

// Block of the patches from step k on: columns are steps of k.
fn blockA(p: Patches, k: u32, end: u32) -> mat4x4f {
  return mat4x4f(
    quadA(p, k, end),
    quadA(p, k + 1u, end),
    quadA(p, k + 2u, end),
    quadA(p, k + 3u, end),
  );
}

// Four columns of the weights at step k, zero outside.
fn quadB(col: u32, k: u32, end: u32) -> vec4f {
  var v = vec4f();
  if (k < end) {
    let i = k * COUT + col;
    if (col < COUT) {
      v.x = w[i];
    }
    if (col + 1u < COUT) {
      v.y = w[i + 1u];
    }
    if (col + 2u < COUT) {
      v.z = w[i + 2u];
    }
    if (col + 3u < COUT) {
      v.w = w[i + 3u];
    }
  }
  return v;
}

// Block of the weights from column col and step k on: columns are steps of k.
fn blockB(col: u32, k: u32, end: u32) -> mat4x4f {
  return mat4x4f(
    quadB(col, k, end),
    quadB(col, k + 1u, end),
    quadB(col, k + 2u, end),
    quadB(col, k + 3u, end),
  );
}

fn biasAt(col: u32) -> f32 {
  if (HAS_BIAS) {
    return b[col];
  }
  return 0.0;
}

// Stores up to four neighbours of one row; the tile may hang over the edge.
fn putRow(row: u32, col: u32, value: vec4f) {
  if (row >= ROWS) {
    return;
  }
  let i = (row) * COUT + col;
  if (col < COUT) {
    y[i] = value.x + biasAt(col);
  }
  if (col + 1u < COUT) {
    y[i + 1u] = value.y + biasAt(col + 1u);
  }
  if (col + 2u < COUT) {
    y[i + 2u] = value.z + biasAt(col + 2u);
  }
  if (col + 3u < COUT) {
    y[i + 3u] = value.w + biasAt(col + 3u);
  }
}

fn put(s: mat4x4f, row: u32, col: u32) {
  putRow(row, col, s[0]);
  putRow(row + 1u, col, s[1]);
  putRow(row + 2u, col, s[2]);
  putRow(row + 3u, col, s[3]);
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
  let row0 = id / COL_TILES * BM;
  let col0 = id % COL_TILES * BN;
  let begin = 0u;
  let end = K;

  // The 4 x 4 block (k quad, row or column quad) that this lane copies in every step.
  let ub = select(t, t - BM, SPLIT);
  let isA = t < BM;
  let isB = ub < BN;
  let kA = t % 4u;
  let qA = t / 4u;
  let kB = ub / (BN / 4);
  let qB = ub % (BN / 4);
  let p = patches(row0 + 4u * qA);
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
      v = blockA(p, k + 4u * kA, end);
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
  put(s00, row, col);
  if (TN > 1) {
    put(s01, row, col + BN / 2);
  }
  if (TM > 1) {
    put(s10, row + BM / 2, col);
  }
  if (TM > 1 && TN > 1) {
    put(s11, row + BM / 2, col + BN / 2);
  }
}
