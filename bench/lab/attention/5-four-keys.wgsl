// Four keys at a time: one look at the highest score, one scaling of the sums and one vec4 of exponentials for them.
// Keys behind the last are read as the last and given no weight. q, y [B, LQ, HEADS, 8] of vec4; k, v [B, LK, HEADS, 8].
override HEADS: u32;
override LQ: u32;
override LK: u32;
// 1 for a driver that takes minutes to compile short loops where it writes them out (llvmpipe), 0 for others.
override ROLLED: u32;
@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

// Where a token's vec4 of a head lie, in sequences of the given length. Heads are counted over all sequences.
fn row(head: u32, token: u32, length: u32) -> u32 {
  return ((head / HEADS * length + token) * HEADS + head % HEADS) * 8u;
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
  var query: array<vec4f, 8>;
  for (var c = 0u; c < 8u + hidden; c++) {
    query[c] = q[own + c] * inverseSqrt(32.0);
  }
  var highest = -3.0e38;
  var total = 0.0;
  var sums: array<vec4f, 8>;
  for (var j = 0u; j < LK; j += 4u) {
    let tokens = vec4u(j) + vec4u(0u, 1u, 2u, 3u);
    let key0 = row(group.y, tokens.x, LK);
    let key1 = row(group.y, min(tokens.y, LK - 1u), LK);
    let key2 = row(group.y, min(tokens.z, LK - 1u), LK);
    let key3 = row(group.y, min(tokens.w, LK - 1u), LK);
    var scores = vec4f();
    for (var c = 0u; c < 8u + hidden; c++) {
      let x = query[c];
      scores += vec4f(dot(x, k[key0 + c]), dot(x, k[key1 + c]), dot(x, k[key2 + c]), dot(x, k[key3 + c]));
    }
    scores = select(vec4f(-3.0e38), scores, tokens < vec4u(LK));
    let top = max(highest, max(max(scores.x, scores.y), max(scores.z, scores.w)));
    let fade = exp(highest - top);
    let weights = exp(scores - top);
    highest = top;
    total = total * fade + weights.x + weights.y + weights.z + weights.w;
    for (var c = 0u; c < 8u + hidden; c++) {
      sums[c] = fade * sums[c] + weights.x * v[key0 + c] + weights.y * v[key1 + c] + weights.z * v[key2 + c] +
        weights.w * v[key3 + c];
    }
  }
  for (var c = 0u; c < 8u + hidden; c++) {
    y[own + c] = sums[c] / total;
  }
}
