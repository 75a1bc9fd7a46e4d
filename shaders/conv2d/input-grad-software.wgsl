// Convolution input gradient, gather form, software tuning, any shape.
//
// dx[n, h, v, i] = sum over kh, kw, o of dy[n, oh, ow, o] w[kh, kw, i, o], over the taps for which
// h + PH - kh = oh SH and v + PW - kw = ow SW with oh, ow inside dy. Every element of dx is
// written. dy [N, OH, OW, COUT], w [KH, KW, CIN, COUT], dx [N, H, W, CIN].
// Constants: N, H, W, CIN, OH, OW, COUT, KH, KW, SH, SW (stride), PH, PW (top and left padding);
// VT = vec4 columns a lane (1, 2 or 4); WG = lanes a workgroup.
// Grid: ceil(ceil(N H W / 8) ceil(CIN / 4 / VT) / WG) workgroups, folded into x and y.
//
// Tuning: software adapters (lavapipe, SwiftShader). There a load whose address is not a constant
// becomes a loop over the lanes of some 35 instructions each, so a lane has a fat tile (8 rows x 4
// VT columns) to pay for it; and the inner loop has to stay inside the 32 KiB instruction cache,
// so rows are read as scalars and nothing is unrolled: unrolling by four halves the speed, and
// letting the driver unroll by itself costs seconds of compilation (hence `hidden`).

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

const PIXELS = u32(N) * H * W;
const QUADS = (u32(CIN) + 3u) / 4u;
const COL_TILES = (QUADS + VT - 1u) / VT;

// Padded row and column of one input pixel and first row of its image in dy.
struct Pixel {
  h: u32,
  w: u32,
  image: u32,
}

fn pixel(index: u32) -> Pixel {
  let p = min(index, PIXELS - 1u);
  return Pixel(p / W % H + PH, p % W + PW, p / (W * H) * OH);
}

// Whether a tap connects the pixel with an output; differences below zero wrap to large numbers.
fn inside(p: Pixel, kh: u32, kw: u32) -> bool {
  let h = p.h - kh;
  let v = p.w - kw;
  return h < OH * SH && v < OW * SW && h % SH == 0u && v % SW == 0u;
}

// Index of channel 0 of that output; a safe one if there is none.
fn address(p: Pixel, kh: u32, kw: u32) -> u32 {
  let i = ((p.image + (p.h - kh) / SH) * OW + (p.w - kw) / SW) * COUT;
  return select(0u, i, inside(p, kh, kw));
}

// Four neighbours of w from index i; what lies past the last column is never stored.
fn columns(i: u32, step: u32) -> vec4f {
  var q = vec4f(w[i], 0.0, 0.0, 0.0);
  if (CIN > 1u) {
    q.y = w[i + step];
  }
  if (CIN > 2u) {
    q.z = w[i + 2u * step];
  }
  if (CIN > 3u) {
    q.w = w[i + 3u * step];
  }
  return q;
}

// Stores up to four columns; the tile may hang over the edge.
fn put(row: u32, quad: u32, value: vec4f) {
  let first = quad * 4u;
  let i = row * CIN + first;
  if (first < CIN) {
    dx[i] = value.x;
  }
  if (first + 1u < CIN) {
    dx[i + 1u] = value.y;
  }
  if (first + 2u < CIN) {
    dx[i + 2u] = value.z;
  }
  if (first + 3u < CIN) {
    dx[i + 3u] = value.w;
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
  let quad = id % COL_TILES * VT;
  let row0 = id / COL_TILES * 8u;
  let p0 = pixel(row0 );
  let p1 = pixel(row0 + 1u);
  let p2 = pixel(row0 + 2u);
  let p3 = pixel(row0 + 3u);
  let p4 = pixel(row0 + 4u);
  let p5 = pixel(row0 + 5u);
  let p6 = pixel(row0 + 6u);
  let p7 = pixel(row0 + 7u);
  var s00 = vec4f(); var s01 = vec4f(); var s02 = vec4f(); var s03 = vec4f();
  var s10 = vec4f(); var s11 = vec4f(); var s12 = vec4f(); var s13 = vec4f();
  var s20 = vec4f(); var s21 = vec4f(); var s22 = vec4f(); var s23 = vec4f();
  var s30 = vec4f(); var s31 = vec4f(); var s32 = vec4f(); var s33 = vec4f();
  var s40 = vec4f(); var s41 = vec4f(); var s42 = vec4f(); var s43 = vec4f();
  var s50 = vec4f(); var s51 = vec4f(); var s52 = vec4f(); var s53 = vec4f();
  var s60 = vec4f(); var s61 = vec4f(); var s62 = vec4f(); var s63 = vec4f();
  var s70 = vec4f(); var s71 = vec4f(); var s72 = vec4f(); var s73 = vec4f();
  for (var kh = 0u; kh < KH + hidden; kh++) {
    for (var kw = 0u; kw < KW + hidden; kw++) {
      let v0 = inside(p0, kh, kw);
      let o0 = address(p0, kh, kw);
      let v1 = inside(p1, kh, kw);
      let o1 = address(p1, kh, kw);
      let v2 = inside(p2, kh, kw);
      let o2 = address(p2, kh, kw);
      let v3 = inside(p3, kh, kw);
      let o3 = address(p3, kh, kw);
      let v4 = inside(p4, kh, kw);
      let o4 = address(p4, kh, kw);
      let v5 = inside(p5, kh, kw);
      let o5 = address(p5, kh, kw);
      let v6 = inside(p6, kh, kw);
      let o6 = address(p6, kh, kw);
      let v7 = inside(p7, kh, kw);
      let o7 = address(p7, kh, kw);
      let tap = ((kh * KW + kw) * CIN + quad * 4u) * COUT;
      for (var o = 0u; o < COUT + hidden * (COUT - 1u); o++) {
        let a0 = select(0.0, dy[o0 + o], v0);
        let a1 = select(0.0, dy[o1 + o], v1);
        let a2 = select(0.0, dy[o2 + o], v2);
        let a3 = select(0.0, dy[o3 + o], v3);
        let a4 = select(0.0, dy[o4 + o], v4);
        let a5 = select(0.0, dy[o5 + o], v5);
        let a6 = select(0.0, dy[o6 + o], v6);
        let a7 = select(0.0, dy[o7 + o], v7);
        let k = tap + o;
        let b0 = columns(k, COUT);
        var b1 = vec4f();
        var b2 = vec4f();
        var b3 = vec4f();
        if (VT > 1u) {
          b1 = columns(k + 4u * COUT, COUT);
        }
        if (VT > 2u) {
          b2 = columns(k + 8u * COUT, COUT);
          b3 = columns(k + 12u * COUT, COUT);
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
  }
  for (var r = 0u; r < 8u + hidden; r++) {
    let row = row0 + r;
    if (row < PIXELS) {
      put(row, quad, pick(r, s00, s10, s20, s30, s40, s50, s60, s70));
      if (VT > 1u) {
        put(row, quad + 1u, pick(r, s01, s11, s21, s31, s41, s51, s61, s71));
      }
      if (VT > 2u) {
        put(row, quad + 2u, pick(r, s02, s12, s22, s32, s42, s52, s62, s72));
        put(row, quad + 3u, pick(r, s03, s13, s23, s33, s43, s53, s63, s73));
      }
    }
  }
}
