// y[b, :] = rows[order[step[1] + b], FIRST .. FIRST + WIDTH], zeros for the rows of the batch that do not
// count. Prelude: B rows of the batch, STRIDE floats a stored row, FIRST and WIDTH of the block.
// rows [n, STRIDE]; order; step: see train/next-step.wgsl; y [B, WIDTH]. One thread an element of y.
@group(0) @binding(0) var<storage, read> rows: array<f32>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> step: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= u32(B * WIDTH)) {
    return;
  }
  let b = i / u32(WIDTH);
  var value = 0.0;
  if (b < step[0]) {
    value = rows[order[step[1] + b] * u32(STRIDE) + u32(FIRST) + i % u32(WIDTH)];
  }
  y[i] = value;
}
