// Convolution weight gradient, partial sums over slices of the output pixels, GPU tuning, channels in fours.
//
// partial[s, kh, kw, i, o] = sum over the output pixels (n, oh, ow) of slice s of x[n, oh SH + kh -
// PH, ow SW + kw - PW, i] dy[n, oh, ow, o]; x outside the image counts as zero. x [N, H, W, CIN], dy
// [N, OH, OW, COUT], partial [SLICES, KH, KW, CIN, COUT].
// Needs CIN % 4 == 0 and COUT % 4 == 0. As a matrix product: rows are (kh,
// kw, i), k runs over output pixels, columns are output channels.
// Constants: N, H, W, CIN, OH, OW, COUT, KH, KW, SH, SW (stride), PH, PW (top and left padding), SLICES
// and the tile constants below.
// Grid: ceil(KH KW CIN / BM) ceil(COUT / BN) SLICES workgroups, folded into x and y.
//
// Tuning: GPUs (discrete NVIDIA in mind), within WebGPU's default limits. Tile constants: BM x BN =
// rows and columns a workgroup makes (32, 64 or 128 each, k in steps of 16), TM, TN = row and column
// quads a lane makes (1 or 2; a lane has 4 TM x 4 TN results in registers, and TM > 1 takes BM >= 64,
// TN > 1 BN >= 64), WG = BM BN / (16 TM TN) lanes. Workgroup memory: 64 (BM + BN) bytes.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;

const ROWS = u32(KH) * KW * CIN;
const K = u32(N) * OH * OW;
const ROW_TILES = (ROWS + BM - 1u) / BM;
const COL_TILES = (u32(COUT) + BN - 1u) / BN;
const GROUPS = ROW_TILES * COL_TILES * SLICES;
const SLICE_K = (K + 16u * SLICES - 1u) / (16u * SLICES) * 16u;
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

// Tap and channel quad of four neighbouring rows: input row, column and index (quads) relative to
// output pixel times stride; above and left of it they wrap.
struct Taps {
  h: u32,
  w: u32,
  i: u32,
}

fn taps(row: u32) -> Taps {
  let tap = row / CIN;
  let h = tap / KW - PH;
  let w = tap % KW - PW;
  let i = (h * W + w) * (CIN / 4) + row % CIN / 4u;
  return Taps(select(OUTSIDE, h, row < ROWS), w, i);
}

// Four neighbouring rows at output pixel k, zero outside.
fn quadA(t: Taps, k: u32, end: u32) -> vec4f {
  let h = k / OW % OH * SH;
  let w = k % OW * SW;
  var v = vec4f();
  if (k < end && h + t.h < H && w + t.w < W) {
    v = x[((k / (OH * OW) * H + h) * W + w) * (CIN / 4) + t.i];
  }
  return v;
}

// Block of the rows from output pixel k on: columns are steps of k.
fn blockA(t: Taps, k: u32, end: u32) -> mat4x4f {
  return mat4x4f(
    quadA(t, k, end),
    quadA(t, k + 1u, end),
    quadA(t, k + 2u, end),
    quadA(t, k + 3u, end),
  );
}

fn quadB(i: u32, valid: bool) -> vec4f {
  var v = vec4f();
  if (valid) {
    v = dy[i];
  }
  return v;
}

// Block of dy from column col and step k on: columns are steps of k.
fn blockB(col: u32, k: u32, end: u32) -> mat4x4f {
  let i = k * (COUT / 4) + col / 4u;
  let inside = col < COUT;
  return mat4x4f(
    quadB(i, inside && k < end),
    quadB(i + COUT / 4, inside && k + 1u < end),
    quadB(i + 2 * (COUT / 4), inside && k + 2u < end),
    quadB(i + 3 * (COUT / 4), inside && k + 3u < end),
  );
}

// Stores four neighbours of one row, if they exist.
fn putRow(slice: u32, row: u32, col: u32, value: vec4f) {
  if (row >= ROWS || col >= COUT) {
    return;
  }
  partial[(slice * ROWS + row) * (COUT / 4) + col / 4u] = value;
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
  let slice = id / (ROW_TILES * COL_TILES);
  let tile = id % (ROW_TILES * COL_TILES);
  let row0 = tile / COL_TILES * BM;
  let col0 = tile % COL_TILES * BN;
  let begin = slice * SLICE_K;
  let end = min(K, begin + SLICE_K);

  // The 4 x 4 block (k quad, row or column quad) that this lane copies in every step.
  let ub = select(t, t - BM, SPLIT);
  let isA = t < BM;
  let isB = ub < BN;
  let kA = t / (BM / 4);
  let qA = t % (BM / 4);
  let kB = ub / (BN / 4);
  let qB = ub % (BN / 4);
  let p = taps(row0 + 4u * qA);
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
