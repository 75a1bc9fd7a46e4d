// Convolution forward y = conv(x, w) (+ b), implicit matrix product, software tuning, any shape.
//
// y[n, oh, ow, o] = b[o] + sum over kh, kw, i of x[n, oh SH - PH + kh, ow SW - PW + kw, i] w[kh,
// kw, i, o]; x outside the image counts as zero. x [N, H, W, CIN], w [KH, KW, CIN, COUT], b [COUT]
// (read only if HAS_BIAS), y [N, OH, OW, COUT].
// Constants: N, H, W, CIN, OH, OW, COUT, KH, KW, SH, SW (stride), PH, PW (top and left padding),
// HAS_BIAS; VT = vec4 columns a lane (1, 2 or 4); WG = lanes a workgroup.
// Grid: ceil(ceil(N OH OW / 8) ceil(COUT / 4 / VT) / WG) workgroups, folded into x and y.
//
// Tuning: software adapters (lavapipe, SwiftShader). There a load whose address is not a constant
// becomes a loop over the lanes of some 35 instructions each, so a lane has a fat tile (8 rows x 4
// VT columns) to pay for it; and the inner loop has to stay inside the 32 KiB instruction cache,
// so rows are read as scalars and nothing is unrolled: unrolling by four halves the speed, and
// letting the driver unroll by itself costs seconds of compilation (hence `hidden`).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const PIXELS = u32(N) * OH * OW;
const QUADS = (u32(COUT) + 3u) / 4u;
const COL_TILES = (QUADS + VT - 1u) / VT;

// Where the window of one output pixel starts: row and column (below zero wrap to large numbers)
// and index of its image.
struct Window {
  h: u32,
  w: u32,
  image: u32,
}

fn window(pixel: u32) -> Window {
  let p = min(pixel, PIXELS - 1u);
  return Window(p / OW % OH * SH - PH, p % OW * SW - PW, p / (OW * OH) * H);
}

fn inside(p: Window, kh: u32, kw: u32) -> bool {
  return p.h + kh < H && p.w + kw < W;
}

// Index of channel 0 under a tap; a safe one if the tap lies outside.
fn address(p: Window, kh: u32, kw: u32) -> u32 {
  return select(0u, ((p.image + p.h + kh) * W + p.w + kw) * CIN, inside(p, kh, kw));
}

// Four neighbours of w from index i; what lies past the last column is never stored.
fn columns(i: u32, step: u32) -> vec4f {
  var q = vec4f(w[i], 0.0, 0.0, 0.0);
  if (COUT > 1u) {
    q.y = w[i + step];
  }
  if (COUT > 2u) {
    q.z = w[i + 2u * step];
  }
  if (COUT > 3u) {
    q.w = w[i + 3u * step];
  }
  return q;
}

// Stores up to four columns; the tile may hang over the edge.
fn put(row: u32, quad: u32, value: vec4f) {
  let first = quad * 4u;
  let i = row * COUT + first;
  if (first < COUT) {
    y[i] = value.x;
  }
  if (first + 1u < COUT) {
    y[i + 1u] = value.y;
  }
  if (first + 2u < COUT) {
    y[i + 2u] = value.z;
  }
  if (first + 3u < COUT) {
    y[i + 3u] = value.w;
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

// Four bias values from channel c.
fn biasQuad(c: u32) -> vec4f {
  return vec4f(b[c], b[c + 1u], b[c + 2u], b[c + 3u]);
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
  let p0 = window(row0 );
  let p1 = window(row0 + 1u);
  let p2 = window(row0 + 2u);
  let p3 = window(row0 + 3u);
  let p4 = window(row0 + 4u);
  let p5 = window(row0 + 5u);
  let p6 = window(row0 + 6u);
  let p7 = window(row0 + 7u);
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
      let tap = (kh * KW + kw) * CIN;
      for (var i = 0u; i < CIN + hidden * (CIN - 1u); i++) {
        let a0 = select(0.0, x[o0 + i], v0);
        let a1 = select(0.0, x[o1 + i], v1);
        let a2 = select(0.0, x[o2 + i], v2);
        let a3 = select(0.0, x[o3 + i], v3);
        let a4 = select(0.0, x[o4 + i], v4);
        let a5 = select(0.0, x[o5 + i], v5);
        let a6 = select(0.0, x[o6 + i], v6);
        let a7 = select(0.0, x[o7 + i], v7);
        let k = (tap + i) * COUT + quad * 4u;
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
