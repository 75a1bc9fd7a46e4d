//! part
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
// The gradient is taken at the input. Constants: TANH (boolean).
// Beyond, exp(-x^2 / 2) is below the smallest float and TANH's exp(-2 |u|) far below.
const CAP = 14.5;
const ROOT = 0.7978845608028654; // sqrt(2 / pi)
const CUBE = 0.044715;

// exp(-2 |u|), the only exponential of TANH. v is capped.
fn tanh_decay(v: vec4f) -> vec4f {
  return exp(-2.0 * ROOT * abs(v) * (1.0 + CUBE * v * v));
}

// P(v) of a capped v, with its exponential.
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

// The exponential that P and its derivative share.
fn decay(v: vec4f) -> vec4f {
  if (TANH) {
    return tanh_decay(v);
  }
  return exp(-0.5 * v * v);
}

fn capped(v: vec4f) -> vec4f {
  return clamp(v, vec4f(-CAP), vec4f(CAP));
}

fn value(x: vec4f) -> vec4f {
  let v = capped(x);
  return x * probability(v, decay(v));
}

fn gradient(x: vec4f, dy: vec4f) -> vec4f {
  let v = capped(x);
  let e = decay(v);
  // P'(v): the normal density, or e / (1 + e)^2 times the slope of 2 u.
  var density = 0.5 * ROOT * e;
  if (TANH) {
    density = 2.0 * ROOT * (1.0 + 3.0 * CUBE * v * v) * e / ((1.0 + e) * (1.0 + e));
  }
  return (probability(v, e) + v * density) * dy;
}
