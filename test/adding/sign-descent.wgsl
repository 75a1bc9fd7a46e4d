//! import optim/update
// Sign descent: p -= lr sign(g + decay p). Constants: those of optim/update.
fn update(i: u32, lr: f32, decay: f32) {
  let p = parameters[i];
  parameters[i] = p - lr * sign(gradients[i] + decay * p);
}
