//! import loss/rows
// Distillation loss of rows z_b (student) and t_b (teacher) at temperature T.
// forward: weighted[b] = weights[b] T^2 KL(softmax(t_b / T) || softmax(z_b / T)).
// backward: dz[b, c] = dloss weights[b] T (softmax(z_b / T)[c] - softmax(t_b / T)[c]). The teacher has no
// gradient.
//
// z, t, dz [B, C]; the rest: see loss/rows. Constants: B rows, C classes, T temperature.
// Source: Hinton, Vinyals, Dean (2015); SCRUB (Kurmanji et al., 2023).
@group(0) @binding(3) var<storage, read> z: array<f32>;
@group(0) @binding(4) var<storage, read> t: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;

// Student and teacher.
alias Logit = vec2f;

fn logit(b: u32, c: u32) -> vec2f {
  let at = b * u32(C) + c;
  return vec2f(z[at], t[at]);
}

// The sums as logarithms.
fn statistics(b: u32) -> Exponentials {
  let row = exponentials(b);
  return Exponentials(row.top, log(row.sum));
}

// log softmax of student and teacher.
fn logs(b: u32, c: u32, row: Exponentials) -> vec2f {
  return (logit(b, c) - row.top) / T - row.sum;
}

fn loss(b: u32, row: Exponentials) -> f32 {
  var sum = 0.0;
  for (var c = 0u; c < u32(C); c++) {
    let both = logs(b, c, row);
    sum += exp(both.y) * (both.y - both.x);
  }
  return sum;
}

fn derivative(b: u32, c: u32, row: Exponentials) -> f32 {
  let p = exp(logs(b, c, row));
  return p.x - p.y;
}

fn put(b: u32, c: u32, gradient: f32) {
  dz[b * u32(C) + c] = gradient;
}
