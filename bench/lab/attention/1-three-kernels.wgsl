// y = softmax(q kT / sqrt(32)) v for each head, in three kernels of one lane a query, which leave the scores
// [B * HEADS, LK, LQ] in memory for each other. q, y [B, LQ, HEADS, 32]; k, v [B, LK, HEADS, 32].
override HEADS: u32;
override LQ: u32;
override LK: u32;
// 1 for a driver that takes minutes to compile short loops where it writes them out (llvmpipe), 0 for others.
override ROLLED: u32;
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> p: array<f32>;

// Where a token's numbers of a head lie, in sequences of the given length. Heads are counted over all sequences.
fn row(head: u32, token: u32, length: u32) -> u32 {
  return ((head / HEADS * length + token) * HEADS + head % HEADS) * 32u;
}

@compute @workgroup_size(64)
fn scores(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  // Always 0. Where ROLLED is 1 a driver does not know that, and leaves short loops as they are.
  let hidden = ROLLED * (groups.z - 1u);
  if (id.x >= LQ) {
    return;
  }
  let query = row(group.y, id.x, LQ);
  for (var j = 0u; j < LK; j++) {
    let key = row(group.y, j, LK);
    var sum = 0.0;
    for (var c = 0u; c < 32u + hidden; c++) {
      sum = fma(q[query + c], k[key + c], sum);
    }
    p[(group.y * LK + j) * LQ + id.x] = sum * inverseSqrt(32.0);
  }
}

@compute @workgroup_size(64)
fn softmax(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
  if (id.x >= LQ) {
    return;
  }
  let start = group.y * LK * LQ + id.x;
  var highest = p[start];
  for (var j = 1u; j < LK; j++) {
    highest = max(highest, p[start + j * LQ]);
  }
  var total = 0.0;
  for (var j = 0u; j < LK; j++) {
    let weight = exp(p[start + j * LQ] - highest);
    p[start + j * LQ] = weight;
    total += weight;
  }
  for (var j = 0u; j < LK; j++) {
    p[start + j * LQ] /= total;
  }
}

@compute @workgroup_size(64)
fn average(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  // Always 0. Where ROLLED is 1 a driver does not know that, and leaves short loops as they are.
  let hidden = ROLLED * (groups.z - 1u);
  if (id.x >= LQ) {
    return;
  }
  let result = row(group.y, id.x, LQ);
  for (var c = 0u; c < 32u + hidden; c++) {
    var sum = 0.0;
    for (var j = 0u; j < LK; j++) {
      sum = fma(p[(group.y * LK + j) * LQ + id.x], v[row(group.y, j, LK) + c], sum);
    }
    y[result + c] = sum;
  }
}
