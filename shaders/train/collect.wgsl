// Keeps each example's outputs: all[first + b, c] = logits[b, c] for the rows that count, where first is
// the step's first position in the order list.
//
// logits [B, C]; step: rows and first position; all [examples, C]. Prelude: B rows, C classes.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> all: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i < step[0] * u32(C) && i < u32(B) * u32(C)) {
    all[step[1] * u32(C) + i] = logits[i];
  }
}
