//! import optim/update
// Stochastic gradient descent with momentum (PyTorch's form) and L2 weight decay.
//   g += decay p;  m = MOMENTUM m + g;  p -= lr (NESTEROV ? g + MOMENTUM m : m)
// first: m. Constants: those of optim/update, MOMENTUM, NESTEROV.
fn update(i: u32, lr: f32, decay: f32) {
  let p = parameters[i];
  let g = gradients[i] + decay * p;
  let m = MOMENTUM * first[i] + g;
  first[i] = m;
  parameters[i] = p - lr * select(m, g + MOMENTUM * m, NESTEROV);
}
