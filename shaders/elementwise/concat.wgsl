// Joins or splits along one axis. The whole is [OUTER, TOTAL, INNER]; a part covers FIRST … FIRST + WIDTH of
// the middle axis. join: whole = part there; split: part = whole from there. One dispatch a part.
// Prelude: OUTER, TOTAL, INNER, FIRST, WIDTH. One thread an element of the part.
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

fn whole(i: u32) -> u32 {
  let inner = i % u32(INNER);
  let middle = i / u32(INNER) % u32(WIDTH);
  let outer = i / u32(INNER * WIDTH);
  return (outer * u32(TOTAL) + u32(FIRST) + middle) * u32(INNER) + inner;
}

@compute @workgroup_size(64)
fn join(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i < u32(OUTER * WIDTH * INNER)) {
    result[whole(i)] = source[i];
  }
}

@compute @workgroup_size(64)
fn split(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i < u32(OUTER * WIDTH * INNER)) {
    result[i] = source[whole(i)];
  }
}
