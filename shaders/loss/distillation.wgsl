// Distillation loss of rows z_b (student) and t_b (teacher) at temperature T.
// forward: weighted[b] = weights[b] * T^2 * KL(softmax(t_b / T) || softmax(z_b / T)), 0 for weight 0.
// backward: dz[b, c] = dloss * weights[b] * T * (softmax(z_b / T)[c] - softmax(t_b / T)[c]), 0 for
// weight 0. The teacher has no gradient.
//
// z, t, dz [B, C]; weights, weighted [B]; dloss [1].
// Prelude: B rows, C classes, T temperature. One thread a row.
// Source: Hinton, Vinyals, Dean (2015); SCRUB (Kurmanji et al., 2023).
@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> t: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> weighted: array<f32>;
@group(0) @binding(4) var<storage, read> dloss: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;

// Largest value of each row (student, teacher) and the logarithms of the sums of exp((· - largest) / T).
fn statistics(start: u32) -> vec4f {
  var top = vec2f(z[start], t[start]);
  for (var c = 1u; c < u32(C); c++) {
    top = max(top, vec2f(z[start + c], t[start + c]));
  }
  var sum = vec2f();
  for (var c = 0u; c < u32(C); c++) {
    sum += exp((vec2f(z[start + c], t[start + c]) - top) / T);
  }
  return vec4f(top, log(sum));
}

// log softmax of student and teacher at one class.
fn logs(at: u32, stats: vec4f) -> vec2f {
  return (vec2f(z[at], t[at]) - stats.xy) / T - stats.zw;
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
  let start = b * u32(C);
  let stats = statistics(start);
  var sum = 0.0;
  for (var c = 0u; c < u32(C); c++) {
    let both = logs(start + c, stats);
    sum += exp(both.y) * (both.y - both.x);
  }
  let weight = weights[b];
  weighted[b] = select(weight * (T * T) * sum, 0.0, weight == 0.0);
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
  let scale = dloss[0] * weight * T;
  for (var c = 0u; c < u32(C); c++) {
    let p = exp(logs(start + c, stats));
    dz[start + c] = select(scale * (p.x - p.y), 0.0, weight == 0.0);
  }
}
