// Two queries a lane: a vec4 of a key, and one of a value, serves both. q, y [B, LQ, HEADS, 8] of vec4;
// k, v [B, LK, HEADS, 8].
override HEADS: u32;
override LQ: u32;
override LK: u32;
// 1 for a driver that takes minutes to compile short loops where it writes them out (llvmpipe), 0 for others.
override ROLLED: u32;
@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

const ROWS = 2u;

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
  let first = ROWS * id.x;
  if (first >= LQ) {
    return;
  }
  // Row r at 8 r. Rows behind the last are read as the last and not written.
  var query: array<vec4f, 8u * ROWS>;
  var sums: array<vec4f, 8u * ROWS>;
  var highest: array<f32, ROWS>;
  var total: array<f32, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    let own = row(group.y, min(first + r, LQ - 1u), LQ);
    for (var c = 0u; c < 8u + hidden; c++) {
      query[8u * r + c] = q[own + c] * inverseSqrt(32.0);
    }
    highest[r] = -3.0e38;
  }
  for (var j = 0u; j < LK; j += 4u) {
    let tokens = vec4u(j) + vec4u(0u, 1u, 2u, 3u);
    let key0 = row(group.y, tokens.x, LK);
    let key1 = row(group.y, min(tokens.y, LK - 1u), LK);
    let key2 = row(group.y, min(tokens.z, LK - 1u), LK);
    let key3 = row(group.y, min(tokens.w, LK - 1u), LK);
    var weights = array<vec4f, ROWS>();
    for (var c = 0u; c < 8u + hidden; c++) {
      let k0 = k[key0 + c];
      let k1 = k[key1 + c];
      let k2 = k[key2 + c];
      let k3 = k[key3 + c];
      for (var r = 0u; r < ROWS; r++) {
        let x = query[8u * r + c];
        weights[r] += vec4f(dot(x, k0), dot(x, k1), dot(x, k2), dot(x, k3));
      }
    }
    var fade = array<f32, ROWS>();
    for (var r = 0u; r < ROWS; r++) {
      let scores = select(vec4f(-3.0e38), weights[r], tokens < vec4u(LK));
      let top = max(highest[r], max(max(scores.x, scores.y), max(scores.z, scores.w)));
      let w = exp(scores - top);
      fade[r] = exp(highest[r] - top);
      highest[r] = top;
      total[r] = total[r] * fade[r] + w.x + w.y + w.z + w.w;
      weights[r] = w;
    }
    for (var c = 0u; c < 8u + hidden; c++) {
      let v0 = v[key0 + c];
      let v1 = v[key1 + c];
      let v2 = v[key2 + c];
      let v3 = v[key3 + c];
      for (var r = 0u; r < ROWS; r++) {
        let w = weights[r];
        let at = 8u * r + c;
        sums[at] = fade[r] * sums[at] + w.x * v0 + w.y * v1 + w.z * v2 + w.w * v3;
      }
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    if (first + r < LQ) {
      let own = row(group.y, first + r, LQ);
      for (var c = 0u; c < 8u + hidden; c++) {
        y[own + c] = sums[8u * r + c] / total[r];
      }
    }
  }
}
