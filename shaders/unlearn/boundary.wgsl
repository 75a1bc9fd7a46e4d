// Two pieces of Boundary unlearning on logits z [B, C] with labels u32 [B].
//
// margin: dz = gradient of log sum over k != y of exp z_k, minus z_y. That of the cross-entropy is this
// times 1 - p_y, so its sign is the same; but 1 - p_y is 0 in 32 bits where a picture is memorised.
// nearest: the largest logit's class (the first of equals), the label itself left out where EXCLUDE is
// true, written to the picture's place in `all`. Rows beyond the step's are padding.
//
// order: picture numbers; step: rows and first position. Prelude: B rows, C classes, EXCLUDE.
@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> dz: array<f32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read> step: array<u32>;
@group(0) @binding(5) var<storage, read_write> all: array<u32>;

fn row(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * 64u + local;
}

@compute @workgroup_size(64)
fn margin(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let b = row(wid, groups, local);
  if (b >= u32(B)) {
    return;
  }
  let start = b * u32(C);
  let label = labels[b];
  var top = -3.4e38;
  for (var c = 0u; c < u32(C); c++) {
    top = select(top, max(top, z[start + c]), c != label);
  }
  var sum = 0.0;
  for (var c = 0u; c < u32(C); c++) {
    sum += select(0.0, exp(z[start + c] - top), c != label);
  }
  for (var c = 0u; c < u32(C); c++) {
    dz[start + c] = select(-1.0, exp(z[start + c] - top) / sum, c != label);
  }
}

@compute @workgroup_size(64)
fn nearest(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let b = row(wid, groups, local);
  if (b >= u32(B) || b >= step[0]) {
    return;
  }
  let start = b * u32(C);
  var best = 0u;
  var top = -3.4e38;
  for (var c = 0u; c < u32(C); c++) {
    let value = z[start + c];
    if (value > top && !(EXCLUDE && c == labels[b])) {
      top = value;
      best = c;
    }
  }
  all[order[step[1] + b]] = best;
}
