// Gradient of fused attention with respect to the queries, and delta = sum of dy y over a row, which the
// gradients of keys and values need. With p = exp(SCALE q kT - lse): dq = SCALE sum over keys of
// p (dy . v - delta) k.
//
// q, y, dy, dq [B, LQ, HEADS * D]; k, v [B, LK, HEADS * D]; lse, delta [B, HEADS, LQ]; D a multiple of 4.
// Prelude: B, HEADS, LQ, LK, DV (D / 4), SCALE, R (query rows of a thread). One thread R rows of one head.
@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> y: array<vec4f>;
@group(0) @binding(4) var<storage, read> dy: array<vec4f>;
@group(0) @binding(5) var<storage, read> lse: array<f32>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dq: array<vec4f>;

const BLOCKS = (u32(LQ) + u32(R) - 1u) / u32(R);

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
  let rows = (batch * u32(HEADS) + head) * u32(LQ);
  var query: array<vec4f, R * DV>;
  var error: array<vec4f, R * DV>;
  var sums: array<vec4f, R * DV>;
  var norm: array<f32, R>;
  var mean: array<f32, R>;
  for (var r = 0u; r < u32(R); r++) {
    let position = min(row + r, u32(LQ) - 1u);
    let at = token(batch, head, position, u32(LQ));
    for (var c = 0u; c < u32(DV); c++) {
      query[r * u32(DV) + c] = SCALE * q[at + c];
      error[r * u32(DV) + c] = dy[at + c];
      mean[r] += dot(dy[at + c], y[at + c]);
    }
    norm[r] = lse[rows + position];
  }
  for (var key = 0u; key < u32(LK); key++) {
    let at = token(batch, head, key, u32(LK));
    var score = array<f32, R>();
    var gain = array<f32, R>();
    for (var c = 0u; c < u32(DV); c++) {
      let key_part = k[at + c];
      let value_part = v[at + c];
      for (var r = 0u; r < u32(R); r++) {
        score[r] += dot(query[r * u32(DV) + c], key_part);
        gain[r] += dot(error[r * u32(DV) + c], value_part);
      }
    }
    for (var r = 0u; r < u32(R); r++) {
      score[r] = SCALE * exp(score[r] - norm[r]) * (gain[r] - mean[r]);
    }
    for (var c = 0u; c < u32(DV); c++) {
      let key_part = k[at + c];
      for (var r = 0u; r < u32(R); r++) {
        sums[r * u32(DV) + c] += score[r] * key_part;
      }
    }
  }
  for (var r = 0u; r < u32(R); r++) {
    if (row + r < u32(LQ)) {
      let at = token(batch, head, row + r, u32(LQ));
      for (var c = 0u; c < u32(DV); c++) {
        dq[at + c] = sums[r * u32(DV) + c];
      }
      delta[rows + row + r] = mean[r];
    }
  }
}
