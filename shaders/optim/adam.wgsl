//! import optim/update
// Adam (Kingma and Ba 2015) with optional L2 or decoupled (AdamW) weight decay.
//   m = B1 m + (1 - B1) g;  v = B2 v + (1 - B2) g²;  p -= lr (m c1) / (sqrt(v c2) + EPSILON)
// with c1 = 1 / (1 - B1^t), c2 = 1 / (1 - B2^t) computed on the host in float64 (step[5], step[6]).
// first, second: the moments m and v. Constants: those of optim/update, B1, B2, EPSILON, DECOUPLED.
@group(0) @binding(5) var<storage, read_write> second: array<vec4f>;

fn update(i: u32, lr: f32, decay: f32) {
  let p = parameters[i];
  var g = gradients[i];
  var shrink = 1.0;
  if (DECOUPLED) {
    shrink = 1.0 - lr * decay;
  } else {
    g += decay * p;
  }
  let m = B1 * first[i] + (1.0 - B1) * g;
  let v = B2 * second[i] + (1.0 - B2) * g * g;
  first[i] = m;
  second[i] = v;
  let c1 = bitcast<f32>(step[5]);
  let c2 = bitcast<f32>(step[6]);
  parameters[i] = p * shrink - lr * (m * c1) / (sqrt(v * c2) + EPSILON);
}
