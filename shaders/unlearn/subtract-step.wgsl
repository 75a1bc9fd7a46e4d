// y = start - LAMBDA * (y - start): goes back from a fine-tuned network past where it started.
//
// y, start: N contiguous elements. LAMBDA 0 gives start and -1 leaves y, to the bit.
// Prelude: N elements, PER quads a thread, LAMBDA.
// Source: task vectors (Ilharco et al., 2023), negation.
@group(0) @binding(0) var<storage, read> start: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = (wid.y * groups.x + wid.x) * (64u * PER) + 64u * k + local;
    if (i < (u32(N) + 3u) / 4u && LAMBDA != -1) {
      y[i] = start[i] - LAMBDA * (y[i] - start[i]);
    }
  }
}
