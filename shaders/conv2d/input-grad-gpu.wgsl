// Convolution input gradient, gather form, GPU tuning, any shape.
//
// dx[n, h, v, i] = sum over kh, kw, o of dy[n, oh, ow, o] w[kh, kw, i, o], over the taps for which
// h + PH - kh = oh SH and v + PW - kw = ow SW with oh, ow inside dy. Every element of dx is
// written. dy [N, OH, OW, COUT], w [KH, KW, CIN, COUT], dx [N, H, W, CIN].
// With a stride, pixels fall into SH SW classes by the remainder of h + PH and v + PW; within a class
// all pixels use the same taps (kh = remainder + SH a), so each class is a dense product without wasted
// work: rows are its pixels, k runs over (a, b, o), columns are input channels.
// Constants: N, H, W, CIN, OH, OW, COUT, KH, KW, SH, SW (stride), PH, PW (top and left padding) and the
// tile constants below.
// Grid: SH SW ceil(N ceil(H / SH) ceil(W / SW) / BM) ceil(CIN / BN) workgroups, folded into x and y.
//
// Tuning: GPUs (discrete NVIDIA in mind), within WebGPU's default limits. Tile constants: BM x BN =
// rows and columns a workgroup makes (32, 64 or 128 each, k in steps of 16), TM, TN = row and column
// quads a lane makes (1 or 2; a lane has 4 TM x 4 TN results in registers, and TM > 1 takes BM >= 64,
// TN > 1 BN >= 64), WG = BM BN / (16 TM TN) lanes. Workgroup memory: 64 (BM + BN) bytes.

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

// Rows and columns of pixels of the largest class.
const QH = (u32(H) + SH - 1u) / SH;
const QW = (u32(W) + SW - 1u) / SW;
const ROWS = u32(N) * QH * QW;
const ROW_TILES = (ROWS + BM - 1u) / BM;
const COL_TILES = (u32(CIN) + BN - 1u) / BN;
const GROUPS = u32(SH) * SW * ROW_TILES * COL_TILES;
// No picture is that large: marks rows past the end.
const OUTSIDE = 0x80000000u;

// Remainders of one class, its number of taps a row, and h / SH, v / SW of its first pixel.
struct Class {
  h: u32,
  w: u32,
  taps: u32,
  firstH: u32,
  firstW: u32,
}

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

// Output row, column and index (elements) that tap 0 of the class connects with four input pixels.
// Above and left of the outputs, differences wrap to large numbers.
struct Pixels {
  h: vec4u,
  w: vec4u,
  i: vec4u,
}

fn pixels(c: Class, row: u32) -> Pixels {
  let p = vec4u(row, row + 1u, row + 2u, row + 3u);
  let h = p / QW % QH + c.firstH;
  let w = p % QW + c.firstW;
  let i = ((p / (QH * QW) * OH + h) * OW + w) * (COUT);
  return Pixels(select(vec4u(OUTSIDE), h, p < vec4u(ROWS)), w, i);
}

fn at(h: u32, w: u32, i: u32) -> f32 {
  var v = f32();
  if (h < OH && w < OW) {
    v = dy[i];
  }
  return v;
}

// Four outputs at step k, zero outside.
fn quadA(c: Class, p: Pixels, k: u32, end: u32) -> vec4f {
  if (k >= end) {
    return vec4f();
  }
  let tap = k / COUT;
  let a = tap / c.taps;
  let b = tap % c.taps;
  let h = p.h - a;
  let w = p.w - b;
  let i = p.i - (a * OW + b) * COUT + k % COUT;
  return vec4f(at(h.x, w.x, i.x), at(h.y, w.y, i.y), at(h.z, w.z, i.z), at(h.w, w.w, i.w));
}

// Block of the outputs from step k on: columns are steps of k.
fn blockA(c: Class, p: Pixels, k: u32, end: u32) -> mat4x4f {
  return mat4x4f(
    quadA(c, p, k, end),
    quadA(c, p, k + 1u, end),
    quadA(c, p, k + 2u, end),
    quadA(c, p, k + 3u, end),
  );
}

// Four input channels of the weights at step k, zero outside.
fn quadB(c: Class, col: u32, k: u32, end: u32) -> vec4f {
  var v = vec4f();
  if (k >= end) {
    return v;
  }
  let tap = k / COUT;
  let kh = c.h + tap / c.taps * SH;
  let kw = c.w + tap % c.taps * SW;
  let i = ((kh * KW + kw) * CIN + col) * COUT + k % COUT;
  if (col < CIN) {
    v.x = w[i];
  }
  if (col + 1u < CIN) {
    v.y = w[i + COUT];
  }
  if (col + 2u < CIN) {
    v.z = w[i + 2u * COUT];
  }
  if (col + 3u < CIN) {
    v.w = w[i + 3u * COUT];
  }
  return v;
}

// Block of the weights from input channel col and step k on: columns are steps of k.
fn blockB(c: Class, col: u32, k: u32, end: u32) -> mat4x4f {
  return mat4x4f(
    quadB(c, col, k, end),
    quadB(c, col, k + 1u, end),
    quadB(c, col, k + 2u, end),
    quadB(c, col, k + 3u, end),
  );
}

// Input pixel of a row of the class; OUTSIDE if it has none.
fn pixelOf(c: Class, row: u32) -> u32 {
  // Above the image the difference wraps; the first pixel of a class lies inside, so none does.
  let h = (row / QW % QH + c.firstH) * SH + c.h - PH;
  let v = (row % QW + c.firstW) * SW + c.w - PW;
  let p = (row / (QH * QW) * H + h) * W + v;
  return select(OUTSIDE, p, row < ROWS && h < H && v < W);
}

// Stores up to four neighbours of one row; the tile may hang over the edge.
fn putRow(c: Class, row: u32, col: u32, value: vec4f) {
  let p = pixelOf(c, row);
  if (p == OUTSIDE) {
    return;
  }
  let i = p * CIN + col;
  if (col < CIN) {
    dx[i] = value.x;
  }
  if (col + 1u < CIN) {
    dx[i + 1u] = value.y;
  }
  if (col + 2u < CIN) {
    dx[i + 2u] = value.z;
  }
  if (col + 3u < CIN) {
    dx[i + 3u] = value.w;
  }
}

fn put(c: Class, s: mat4x4f, row: u32, col: u32) {
  putRow(c, row, col, s[0]);
  putRow(c, row + 1u, col, s[1]);
  putRow(c, row + 2u, col, s[2]);
  putRow(c, row + 3u, col, s[3]);
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
  let group = id / (ROW_TILES * COL_TILES);
  let tile = id % (ROW_TILES * COL_TILES);
  let row0 = tile / COL_TILES * BM;
  let col0 = tile % COL_TILES * BN;
  let ph = group / SW;
  let pw = group % SW;
  let tapRows = (u32(KH) + SH - 1u - ph) / SH;
  let tapCols = (u32(KW) + SW - 1u - pw) / SW;
  let c = Class(ph, pw, tapCols, (u32(PH) + SH - 1u - ph) / SH, (u32(PW) + SW - 1u - pw) / SW);
  let begin = 0u;
  let end = tapRows * tapCols * COUT;

  // The 4 x 4 block (k quad, row or column quad) that this lane copies in every step.
  let ub = select(t, t - BM, SPLIT);
  let isA = t < BM;
  let isB = ub < BN;
  let kA = t % 4u;
  let qA = t / 4u;
  let kB = ub % 4u;
  let qB = ub / 4u;
  let p = pixels(c, row0 + 4u * qA);
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
      v = blockA(c, p, k + 4u * kA, end);
    } else if (SPLIT && isB) {
      v = blockB(c, col0 + 4u * qB, k + 4u * kB, end);
    }
    if (!SPLIT && isB) {
      u = blockB(c, col0 + 4u * qB, k + 4u * kB, end);
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
  put(c, s00, row, col);
  if (TN > 1) {
    put(c, s01, row, col + BN / 2);
  }
  if (TM > 1) {
    put(c, s10, row + BM / 2, col);
  }
  if (TM > 1 && TN > 1) {
    put(c, s11, row + BM / 2, col + BN / 2);
  }
}
