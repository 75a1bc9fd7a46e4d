// Online softmax: where a higher score comes, what was summed before is scaled down to it, so that the keys are read
// once. q, y [B, LQ, HEADS, 32]; k, v [B, LK, HEADS, 32].
override HEADS: u32;
override LQ: u32;
override LK: u32;
// 1 for a driver that takes minutes to compile short loops where it writes them out (llvmpipe), 0 for others.
override ROLLED: u32;
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Where a token's numbers of a head lie, in sequences of the given length. Heads are counted over all sequences.
fn row(head: u32, token: u32, length: u32) -> u32 {
  return ((head / HEADS * length + token) * HEADS + head % HEADS) * 32u;
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  // Always 0. Where ROLLED is 1 a driver does not know that, and leaves short loops as they are.
  let hidden = ROLLED * (groups.z - 1u);
  if (id.x >= LQ) {
    return;
  }
  let own = row(group.y, id.x, LQ);
  var query: array<f32, 32>;
  for (var c = 0u; c < 32u + hidden; c++) {
    query[c] = q[own + c] * inverseSqrt(32.0);
  }
  var highest = -3.0e38;
  var total = 0.0;
  var sums: array<f32, 32>;
  for (var j = 0u; j < LK; j++) {
    let key = row(group.y, j, LK);
    var score = 0.0;
    for (var c = 0u; c < 32u + hidden; c++) {
      score = fma(query[c], k[key + c], score);
    }
    let top = max(highest, score);
    let fade = exp(highest - top);
    let weight = exp(score - top);
    highest = top;
    total = fma(total, fade, weight);
    for (var c = 0u; c < 32u + hidden; c++) {
      sums[c] = fma(weight, v[key + c], fade * sums[c]);
    }
  }
  for (var c = 0u; c < 32u + hidden; c++) {
    y[own + c] = sums[c] / total;
  }
}
