// Fused attention: y = softmax(SCALE q kT) v for each head, the scores never stored; lse = log of the sum of
// the exponentials, which the backward pass makes the probabilities from.
//
// q, y [B, LQ, HEADS * D]; k, v [B, LK, HEADS * D]; lse [B, HEADS, LQ].
// Prelude: B, HEADS, LQ, LK, DV (D), SCALE, R (query rows of a thread). One thread R rows of one head.
// The maximum is raised as keys go by, four at a time, and what was summed before is scaled down to it
// (online softmax: Milakov and Gimelshein 2018; Dao et al. 2022).
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;

const BLOCKS = (u32(LQ) + u32(R) - 1u) / u32(R);
const LOWEST = -3.0e38;

// Where a token's part of a head starts.
fn token(batch: u32, head: u32, position: u32, length: u32) -> u32 {
  return ((batch * length + position) * u32(HEADS) + head) * u32(DV);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= u32(B * HEADS) * BLOCKS) {
    return;
  }
  let row = i % BLOCKS * u32(R);
  let head = i / BLOCKS % u32(HEADS);
  let batch = i / BLOCKS / u32(HEADS);
  var query: array<f32, R * DV>;
  var sums: array<f32, R * DV>;
  var highest: array<f32, R>;
  var total: array<f32, R>;
  for (var r = 0u; r < u32(R); r++) {
    let at = token(batch, head, min(row + r, u32(LQ) - 1u), u32(LQ));
    for (var c = 0u; c < u32(DV); c++) {
      query[r * u32(DV) + c] = SCALE * q[at + c];
    }
    highest[r] = LOWEST;
  }
  for (var key = 0u; key < u32(LK); key += 4u) {
    // Keys behind the last are read as the last and given no weight.
    let last = u32(LK) - 1u;
    let at = vec4u(
      token(batch, head, key, u32(LK)),
      token(batch, head, min(key + 1u, last), u32(LK)),
      token(batch, head, min(key + 2u, last), u32(LK)),
      token(batch, head, min(key + 3u, last), u32(LK)),
    );
    var scores = array<vec4f, R>();
    for (var c = 0u; c < u32(DV); c++) {
      let k0 = k[at.x + c];
      let k1 = k[at.y + c];
      let k2 = k[at.z + c];
      let k3 = k[at.w + c];
      for (var r = 0u; r < u32(R); r++) {
        let x = query[r * u32(DV) + c];
        scores[r] += vec4f(x * k0, x * k1, x * k2, x * k3);
      }
    }
    let there = key + vec4u(0u, 1u, 2u, 3u) < vec4u(u32(LK));
    var fade = array<f32, R>();
    for (var r = 0u; r < u32(R); r++) {
      let s = select(vec4f(LOWEST), scores[r], there);
      let top = max(highest[r], max(max(s.x, s.y), max(s.z, s.w)));
      let p = exp(s - top);
      fade[r] = exp(highest[r] - top);
      highest[r] = top;
      total[r] = total[r] * fade[r] + p.x + p.y + p.z + p.w;
      scores[r] = p;
    }
    for (var c = 0u; c < u32(DV); c++) {
      let v0 = v[at.x + c];
      let v1 = v[at.y + c];
      let v2 = v[at.z + c];
      let v3 = v[at.w + c];
      for (var r = 0u; r < u32(R); r++) {
        let p = scores[r];
        let cell = r * u32(DV) + c;
        sums[cell] = sums[cell] * fade[r] + p.x * v0 + p.y * v1 + p.z * v2 + p.w * v3;
      }
    }
  }
  for (var r = 0u; r < u32(R); r++) {
    if (row + r < u32(LQ)) {
      let at = token(batch, head, row + r, u32(LQ));
      for (var c = 0u; c < u32(DV); c++) {
        y[at + c] = sums[r * u32(DV) + c] / total[r];
      }
      lse[(batch * u32(HEADS) + head) * u32(LQ) + row + r] = highest[r] + log(total[r]);
    }
  }
}
