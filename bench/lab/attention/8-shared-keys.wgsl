// Keys and values go through workgroup memory, 32 tokens at a time, and a lane makes two queries of them: storage is read
// once for 128 queries. q, y [B, LQ, HEADS, 8] of vec4; k, v [B, LK, HEADS, 8].
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

// 32 tokens of eight vec4: 8 KiB for both.
var<workgroup> keys: array<vec4f, 256>;
var<workgroup> values: array<vec4f, 256>;

// Where a token's vec4 of a head lie, in sequences of the given length. Heads are counted over all sequences.
fn row(head: u32, token: u32, length: u32) -> u32 {
  return ((head / HEADS * length + token) * HEADS + head % HEADS) * 8u;
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  // Always 0. Where ROLLED is 1 a driver does not know that, and leaves short loops as they are.
  let hidden = ROLLED * (groups.z - 1u);
  // Lanes behind the last query stay: they copy, and all meet at the barriers.
  let first = ROWS * id.x;
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
  for (var block = 0u; block < LK; block += 32u) {
    // Tokens behind the last are copied as the last.
    for (var i = 0u; i < 4u + hidden; i++) {
      let token = min(block + 8u * i + lane / 8u, LK - 1u);
      let at = row(group.y, token, LK) + lane % 8u;
      keys[64u * i + lane] = k[at];
      values[64u * i + lane] = v[at];
    }
    workgroupBarrier();
    for (var quad = 0u; quad < min(8u, (LK - block + 3u) / 4u); quad++) {
      let tokens = vec4u(block + 4u * quad) + vec4u(0u, 1u, 2u, 3u);
      let start = 32u * quad;
      var weights = array<vec4f, ROWS>();
      for (var c = 0u; c < 8u + hidden; c++) {
        let k0 = keys[start + c];
        let k1 = keys[start + 8u + c];
        let k2 = keys[start + 16u + c];
        let k3 = keys[start + 24u + c];
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
        let v0 = values[start + c];
        let v1 = values[start + 8u + c];
        let v2 = values[start + 16u + c];
        let v3 = values[start + 24u + c];
        for (var r = 0u; r < ROWS; r++) {
          let w = weights[r];
          let at = 8u * r + c;
          sums[at] = fade[r] * sums[at] + w.x * v0 + w.y * v1 + w.z * v2 + w.w * v3;
        }
      }
    }
    workgroupBarrier();
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
