//! import walk/thread
// Softsign: y = x / (1 + |x|); dx = dy / (1 + |x|)². x, y, dy, dx: N elements, one thread each.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  let i = number_of(thread);
  if (i < N) {
    y[i] = x[i] / (1.0 + abs(x[i]));
  }
}

@compute @workgroup_size(64)
fn backward(thread: Thread) {
  let i = number_of(thread);
  if (i < N) {
    let d = 1.0 + abs(x[i]);
    dx[i] = dy[i] / (d * d);
  }
}
