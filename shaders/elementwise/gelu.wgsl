// Gaussian error linear unit (Hendrycks and Gimpel 2016), y = x P(x), and its derivative
// dx = (P(x) + x P'(x)) dy.
//   exact: P(x) = (1 + erf(x / sqrt 2)) / 2, the normal distribution function, by two pieces:
//     |x| < 1.1: P = 1/2 + x S(x^2); S has the form of the error function's Maclaurin series
//     (Abramowitz and Stegun 7.1.5), fitted with a minimax error of 4e-10;
//     else: upper tail Q = exp(-x^2 / 2) t G(t), t = 1 / (1 + 0.28 |x|), the form of Hastings 1955
//     (Abramowitz and Stegun 7.1.26), P = 1 - Q for x > 0 and Q for x < 0. G: minimax fit of degree 6
//     (Remez exchange in float64), relative error 5.6e-8 up to |x| = 14.5, where Q is 1e-47.
//     In float32 P errs by less than 1e-7 everywhere, and Q keeps its relative precision in the tail.
//   TANH: P(x) = (1 + tanh u) / 2 = 1 / (1 + exp(-2 u)), u = sqrt(2 / pi) (x + 0.044715 x^3).
// Exponentials are only taken of numbers below 0, of x capped where P has become 0 or 1: nothing
// overflows, whatever the size of x.
//
// x, y, dy, dx: N contiguous elements. Prelude: N elements, PER quads a thread
// (graph/elementwise.ts), TANH (boolean). One thread for PER quads.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

const QUADS = (u32(N) + 3u) / 4u;
// Beyond, exp(-x^2 / 2) is below the smallest float and TANH's exp(-2 |u|) far below.
const CAP = 14.5;
const ROOT = 0.7978845608028654; // sqrt(2 / pi)
const CUBE = 0.044715;

/// exp(-2 |u|), the only exponential of TANH. v is capped.
fn tanh_decay(v: vec4f) -> vec4f {
  return exp(-2.0 * ROOT * abs(v) * (1.0 + CUBE * v * v));
}

/// P(v) of a capped v, with its exponential.
fn probability(v: vec4f, e: vec4f) -> vec4f {
  if (TANH) {
    return select(e, vec4f(1.0), v > vec4f()) / (1.0 + e);
  }
  let s = min(v * v, vec4f(1.21));
  let series = 0.398942275 + s * (-0.0664902617 + s * (0.00997276362 + s * (-0.00118503924
    + s * (0.000112193033 + s * -7.18531904e-6))));
  let t = 1.0 / (1.0 + 0.28 * abs(v));
  let tail = e * t * (0.111671527 + t * (0.112354721 + t * (0.0974817271 + t * (0.110183356
    + t * (-0.00377420286 + t * (0.131448303 + t * -0.0594467833))))));
  return select(select(tail, 1.0 - tail, v > vec4f()), 0.5 + v * series, abs(v) < vec4f(1.1));
}

/// The exponential that P and its derivative share.
fn decay(v: vec4f) -> vec4f {
  if (TANH) {
    return tanh_decay(v);
  }
  return exp(-0.5 * v * v);
}

fn capped(v: vec4f) -> vec4f {
  return clamp(v, vec4f(-CAP), vec4f(CAP));
}

fn first_quad(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * (64u * PER) + local;
}

// Zero behind element N, so that the padding of an arena's views stays zero.
fn within(v: vec4f, quad: u32) -> vec4f {
  if (N % 4 == 0) {
    return v;
  }
  return select(vec4f(), v, 4u * quad + vec4u(0u, 1u, 2u, 3u) < vec4u(N));
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = first_quad(wid, groups, local) + 64u * k;
    if (i < QUADS) {
      let v = capped(x[i]);
      y[i] = within(x[i] * probability(v, decay(v)), i);
    }
  }
}

@compute @workgroup_size(64)
fn backward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = first_quad(wid, groups, local) + 64u * k;
    if (i < QUADS) {
      let v = capped(x[i]);
      let e = decay(v);
      // P'(v): the normal density, or e / (1 + e)^2 times the slope of 2 u.
      var density = 0.5 * ROOT * e;
      if (TANH) {
        density = 2.0 * ROOT * (1.0 + 3.0 * CUBE * v * v) * e / ((1.0 + e) * (1.0 + e));
      }
      dx[i] = within((probability(v, e) + v * density) * dy[i], i);
    }
  }
}
