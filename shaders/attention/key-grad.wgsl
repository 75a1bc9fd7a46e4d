// Gradients of fused attention with respect to keys and values, as sums over slices of the queries. With
// p = exp(SCALE q kT - lse): dv = sum over queries of p dy; dk = SCALE sum of p (dy . v - delta) q.
//
// q, dy [B, LQ, HEADS * D]; k, v [B, LK, HEADS * D]; lse, delta [B, HEADS, LQ]; dk, dv
// [SLICES, B, LK, HEADS * D].
// Prelude: B, HEADS, LQ, LK, DV (D), SCALE, R (key rows of a thread), SLICES, SPAN (queries of a slice).
// One thread R keys of one head and slice.
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> delta: array<f32>;
@group(0) @binding(6) var<storage, read_write> dk: array<f32>;
@group(0) @binding(7) var<storage, read_write> dv: array<f32>;

const BLOCKS = (u32(LK) + u32(R) - 1u) / u32(R);

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
  if (i >= u32(SLICES * B * HEADS) * BLOCKS) {
    return;
  }
  let row = i % BLOCKS * u32(R);
  let head = i / BLOCKS % u32(HEADS);
  let batch = i / BLOCKS / u32(HEADS) % u32(B);
  let slice = i / BLOCKS / u32(B * HEADS);
  let rows = (batch * u32(HEADS) + head) * u32(LQ);
  var key: array<f32, R * DV>;
  var value: array<f32, R * DV>;
  var key_sums: array<f32, R * DV>;
  var value_sums: array<f32, R * DV>;
  for (var r = 0u; r < u32(R); r++) {
    let at = token(batch, head, min(row + r, u32(LK) - 1u), u32(LK));
    for (var c = 0u; c < u32(DV); c++) {
      key[r * u32(DV) + c] = SCALE * k[at + c];
      value[r * u32(DV) + c] = v[at + c];
    }
  }
  let end = min((slice + 1u) * u32(SPAN), u32(LQ));
  for (var query = slice * u32(SPAN); query < end; query++) {
    let at = token(batch, head, query, u32(LQ));
    var score = array<f32, R>();
    var gain = array<f32, R>();
    for (var c = 0u; c < u32(DV); c++) {
      let query_part = q[at + c];
      let error_part = dy[at + c];
      for (var r = 0u; r < u32(R); r++) {
        score[r] += query_part * key[r * u32(DV) + c];
        gain[r] += error_part * value[r * u32(DV) + c];
      }
    }
    let norm = lse[rows + query];
    let mean = delta[rows + query];
    for (var r = 0u; r < u32(R); r++) {
      score[r] = exp(score[r] - norm);
      gain[r] = SCALE * score[r] * (gain[r] - mean);
    }
    for (var c = 0u; c < u32(DV); c++) {
      let query_part = q[at + c];
      let error_part = dy[at + c];
      for (var r = 0u; r < u32(R); r++) {
        key_sums[r * u32(DV) + c] += gain[r] * query_part;
        value_sums[r * u32(DV) + c] += score[r] * error_part;
      }
    }
  }
  for (var r = 0u; r < u32(R); r++) {
    if (row + r < u32(LK)) {
      let at = slice * u32(B * LK * HEADS * DV) + token(batch, head, row + r, u32(LK));
      for (var c = 0u; c < u32(DV); c++) {
        dk[at + c] = key_sums[r * u32(DV) + c];
        dv[at + c] = value_sums[r * u32(DV) + c];
      }
    }
  }
}
