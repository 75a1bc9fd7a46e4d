// rows: losses[b] = logsumexp(z_b) - z_b[label]; total: loss = sum of weights * losses;
// backward: dlogits = dloss * weight * (softmax - onehot). Prelude: B, C. One thread a row.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(0) @binding(3) var<storage, read> kept: array<f32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;
@group(0) @binding(6) var<storage, read> dloss: array<f32>;
@group(0) @binding(7) var<storage, read_write> dlogits: array<f32>;

@compute @workgroup_size(64)
fn rows(@builtin(global_invocation_id) id: vec3u) {
  let b = id.x;
  if (b >= u32(B)) { return; }
  var top = logits[b * u32(C)];
  for (var c = 1u; c < u32(C); c++) { top = max(top, logits[b * u32(C) + c]); }
  var sum = 0.0;
  for (var c = 0u; c < u32(C); c++) { sum += exp(logits[b * u32(C) + c] - top); }
  losses[b] = log(sum) + top - logits[b * u32(C) + labels[b]];
}

@compute @workgroup_size(1)
fn total() {
  var sum = 0.0;
  for (var b = 0u; b < u32(B); b++) { if (weights[b] != 0.0) { sum += weights[b] * kept[b]; } }
  loss[0] = sum;
}

@compute @workgroup_size(64)
fn backward(@builtin(global_invocation_id) id: vec3u) {
  let b = id.x;
  if (b >= u32(B)) { return; }
  var top = logits[b * u32(C)];
  for (var c = 1u; c < u32(C); c++) { top = max(top, logits[b * u32(C) + c]); }
  var sum = 0.0;
  for (var c = 0u; c < u32(C); c++) { sum += exp(logits[b * u32(C) + c] - top); }
  let scale = dloss[0] * weights[b];
  for (var c = 0u; c < u32(C); c++) {
    let p = exp(logits[b * u32(C) + c] - top) / sum;
    dlogits[b * u32(C) + c] = scale * (p - select(0.0, 1.0, c == labels[b]));
  }
}
