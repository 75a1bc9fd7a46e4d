// Convolution weight gradient, partial sums over slices of the output rows, software tuning, any
// shape.
//
// partial[s, kh, kw, i, o] = sum over the output rows (n, oh) of slice s and all ow of x[n, oh SH
// - PH + kh, ow SW - PW + kw, i] dy[n, oh, ow, o]; x outside the image counts as zero. x [N, H, W,
// CIN], dy [N, OH, OW, COUT], partial [SLICES, KH, KW, CIN, COUT].
// Constants: N, H, W, CIN, OH, OW, COUT, KH, KW, SH, SW (stride), PH, PW (top and left padding),
// SLICES; VT = vec4 columns a lane (1, 2 or 4); WG = lanes a workgroup. A lane has 8 rows (kh, kw,
// i).
// Grid: ceil(ceil(KH KW CIN / 8) ceil(COUT / 4 / VT) SLICES / WG) workgroups, folded into x and y.
//
// Tuning: software adapters (lavapipe, SwiftShader). There a load whose address is not a constant
// becomes a loop over the lanes of some 35 instructions each, so a lane has a fat tile (8 rows x 4
// VT columns) to pay for it; and the inner loop has to stay inside the 32 KiB instruction cache,
// so rows are read as scalars and nothing is unrolled: unrolling by four halves the speed, and
// letting the driver unroll by itself costs seconds of compilation (hence `hidden`).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

const ROWS = u32(KH) * KW * CIN;
const QUADS = (u32(COUT) + 3u) / 4u;
const ROW_TILES = (ROWS + 7u) / 8u;
const COL_TILES = (QUADS + VT - 1u) / VT;
const DY_ROWS = u32(N) * OH;
const SLICE_ROWS = (DY_ROWS + SLICES - 1u) / SLICES;

// Tap and channel of one row of the gradient, shifted by the padding (below zero wraps).
struct Tap {
  h: u32,
  w: u32,
  channel: u32,
}

fn tapOf(row: u32) -> Tap {
  let r = min(row, ROWS - 1u);
  let t = r / CIN;
  return Tap(t / KW - PH, t % KW - PW, r % CIN);
}

// Index of the tap in the input row that output row (image, oh) reads, at column 0.
fn lineOf(t: Tap, image: u32, h: u32) -> u32 {
  return (image * H + h + t.h) * W * CIN + t.channel;
}

// Four neighbours of dy from index i; what lies past the last column is never stored.
fn columns(i: u32, step: u32) -> vec4f {
  var q = vec4f(dy[i], 0.0, 0.0, 0.0);
  if (COUT > 1u) {
    q.y = dy[i + step];
  }
  if (COUT > 2u) {
    q.z = dy[i + 2u * step];
  }
  if (COUT > 3u) {
    q.w = dy[i + 3u * step];
  }
  return q;
}

// Stores up to four columns; the tile may hang over the edge.
fn put(row: u32, quad: u32, value: vec4f) {
  let first = quad * 4u;
  let i = row * COUT + first;
  if (first < COUT) {
    partial[i] = value.x;
  }
  if (first + 1u < COUT) {
    partial[i + 1u] = value.y;
  }
  if (first + 2u < COUT) {
    partial[i + 2u] = value.z;
  }
  if (first + 3u < COUT) {
    partial[i + 3u] = value.w;
  }
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
  let row0 = select(ROWS, rowTile * 8u, id < ROW_TILES * COL_TILES * SLICES);
  let t0 = tapOf(row0 );
  let t1 = tapOf(row0 + 1u);
  let t2 = tapOf(row0 + 2u);
  let t3 = tapOf(row0 + 3u);
  let t4 = tapOf(row0 + 4u);
  let t5 = tapOf(row0 + 5u);
  let t6 = tapOf(row0 + 6u);
  let t7 = tapOf(row0 + 7u);
  var s00 = vec4f(); var s01 = vec4f(); var s02 = vec4f(); var s03 = vec4f();
  var s10 = vec4f(); var s11 = vec4f(); var s12 = vec4f(); var s13 = vec4f();
  var s20 = vec4f(); var s21 = vec4f(); var s22 = vec4f(); var s23 = vec4f();
  var s30 = vec4f(); var s31 = vec4f(); var s32 = vec4f(); var s33 = vec4f();
  var s40 = vec4f(); var s41 = vec4f(); var s42 = vec4f(); var s43 = vec4f();
  var s50 = vec4f(); var s51 = vec4f(); var s52 = vec4f(); var s53 = vec4f();
  var s60 = vec4f(); var s61 = vec4f(); var s62 = vec4f(); var s63 = vec4f();
  var s70 = vec4f(); var s71 = vec4f(); var s72 = vec4f(); var s73 = vec4f();
  let last = min(DY_ROWS, slice * SLICE_ROWS + SLICE_ROWS) + hidden;
  for (var r = slice * SLICE_ROWS; r < last; r++) {
    let image = r / OH;
    let h = r % OH * SH;
    let v0 = h + t0.h < H;
    let l0 = lineOf(t0, image, h);
    let v1 = h + t1.h < H;
    let l1 = lineOf(t1, image, h);
    let v2 = h + t2.h < H;
    let l2 = lineOf(t2, image, h);
    let v3 = h + t3.h < H;
    let l3 = lineOf(t3, image, h);
    let v4 = h + t4.h < H;
    let l4 = lineOf(t4, image, h);
    let v5 = h + t5.h < H;
    let l5 = lineOf(t5, image, h);
    let v6 = h + t6.h < H;
    let l6 = lineOf(t6, image, h);
    let v7 = h + t7.h < H;
    let l7 = lineOf(t7, image, h);
    for (var ow = 0u; ow < OW + hidden; ow++) {
      let c0 = ow * SW + t0.w;
      let i0 = v0 && c0 < W;
      let a0 = select(0.0, x[select(0u, l0 + c0 * CIN, i0)], i0);
      let c1 = ow * SW + t1.w;
      let i1 = v1 && c1 < W;
      let a1 = select(0.0, x[select(0u, l1 + c1 * CIN, i1)], i1);
      let c2 = ow * SW + t2.w;
      let i2 = v2 && c2 < W;
      let a2 = select(0.0, x[select(0u, l2 + c2 * CIN, i2)], i2);
      let c3 = ow * SW + t3.w;
      let i3 = v3 && c3 < W;
      let a3 = select(0.0, x[select(0u, l3 + c3 * CIN, i3)], i3);
      let c4 = ow * SW + t4.w;
      let i4 = v4 && c4 < W;
      let a4 = select(0.0, x[select(0u, l4 + c4 * CIN, i4)], i4);
      let c5 = ow * SW + t5.w;
      let i5 = v5 && c5 < W;
      let a5 = select(0.0, x[select(0u, l5 + c5 * CIN, i5)], i5);
      let c6 = ow * SW + t6.w;
      let i6 = v6 && c6 < W;
      let a6 = select(0.0, x[select(0u, l6 + c6 * CIN, i6)], i6);
      let c7 = ow * SW + t7.w;
      let i7 = v7 && c7 < W;
      let a7 = select(0.0, x[select(0u, l7 + c7 * CIN, i7)], i7);
      let k = (r * OW + ow) * COUT + quad * 4u;
      let b0 = columns(k, 1u);
      var b1 = vec4f();
      var b2 = vec4f();
      var b3 = vec4f();
      if (VT > 1u) {
        b1 = columns(k + 4u, 1u);
      }
      if (VT > 2u) {
        b2 = columns(k + 8u, 1u);
        b3 = columns(k + 12u, 1u);
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
  }
  for (var r = 0u; r < 8u + hidden; r++) {
    let row = row0 + r;
    if (row < ROWS) {
      put(slice * ROWS + row, quad, pick(r, s00, s10, s20, s30, s40, s50, s60, s70));
      if (VT > 1u) {
        put(slice * ROWS + row, quad + 1u, pick(r, s01, s11, s21, s31, s41, s51, s61, s71));
      }
      if (VT > 2u) {
        put(slice * ROWS + row, quad + 2u, pick(r, s02, s12, s22, s32, s42, s52, s62, s72));
        put(slice * ROWS + row, quad + 3u, pick(r, s03, s13, s23, s33, s43, s53, s63, s73));
      }
    }
  }
}
