// Softmax cross-entropy of rows z_b with labels and weights, the targets smoothed by s (Szegedy et al.
// 2016): target[c] = (1 - s) [c = label] + s / C.
// forward: losses[b] = log sum exp z_b - sum of target[c] z_b[c]; weighted[b] = weights[b] * losses[b],
// 0 for weight 0.
// backward: dlogits[b, c] = dloss * weights[b] * (softmax(z_b)[c] - target[c]), 0 for weight 0.
//
// logits, dlogits [B, C]; labels u32 [B]; weights, losses, weighted [B]; dloss [1].
// Prelude: B rows, C classes, SMOOTHING (s). One thread a row; softmax is computed again in backward: it costs
// less than storing it where C is small.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> weighted: array<f32>;
@group(0) @binding(5) var<storage, read> dloss: array<f32>;
@group(0) @binding(6) var<storage, read_write> dlogits: array<f32>;

// Largest logit of a row and the sum of exp(z - largest), at least 1.
fn statistics(start: u32) -> vec2f {
  var top = logits[start];
  for (var c = 1u; c < u32(C); c++) {
    top = max(top, logits[start + c]);
  }
  var sum = 0.0;
  for (var c = 0u; c < u32(C); c++) {
    sum += exp(logits[start + c] - top);
  }
  return vec2f(top, sum);
}

fn row(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * 64u + local;
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let b = row(wid, groups, local);
  if (b >= u32(B)) {
    return;
  }
  let stats = statistics(b * u32(C));
  // Differences of logits first: the logarithm would be lost beside a large logit.
  var loss = log(stats.y) + (stats.x - logits[b * u32(C) + labels[b]]);
  if (SMOOTHING > 0) {
    var below = 0.0;
    for (var c = 0u; c < u32(C); c++) {
      below += stats.x - logits[b * u32(C) + c];
    }
    let share = f32(SMOOTHING);
    loss = log(stats.y) + (1.0 - share) * (stats.x - logits[b * u32(C) + labels[b]])
      + share * (below / f32(C));
  }
  losses[b] = loss;
  let weight = weights[b];
  weighted[b] = select(weight * loss, 0.0, weight == 0.0);
}

@compute @workgroup_size(64)
fn backward(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let b = row(wid, groups, local);
  if (b >= u32(B)) {
    return;
  }
  let start = b * u32(C);
  let stats = statistics(start);
  let weight = weights[b];
  let scale = dloss[0] * weight;
  for (var c = 0u; c < u32(C); c++) {
    let p = exp(logits[start + c] - stats.x) / stats.y;
    var gradient = scale * (p - select(0.0, 1.0, c == labels[b]));
    if (SMOOTHING > 0) {
      let even = f32(SMOOTHING) / f32(C);
      gradient = scale * (p - select(even, 1.0 - f32(SMOOTHING) + even, c == labels[b]));
    }
    dlogits[start + c] = select(gradient, 0.0, weight == 0.0);
  }
}
