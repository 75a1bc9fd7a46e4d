// Sums over the middle axis, one stage: y[o, s, i] = SCALE * sum of x[o, a, i] over a = s, s +
// SLICES, ...
//
// x [OUTER, AXIS, INNER], y [OUTER, SLICES, INNER]. Neighbouring threads read neighbouring
// elements, even where INNER is 1. Prelude: OUTER, AXIS, INNER, SLICES, SCALE. One thread a float
// of y.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

const WIDTH = u32(INNER);

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let id = (wid.y * groups.x + wid.x) * 64u + local;
  if (id >= u32(OUTER) * u32(SLICES) * WIDTH) {
    return;
  }
  let slice = id / WIDTH % u32(SLICES);
  let start = id / (WIDTH * u32(SLICES)) * u32(AXIS) * WIDTH + id % WIDTH;
  var sum = 0.0;
  for (var a = slice; a < u32(AXIS); a += u32(SLICES)) {
    sum += x[start + a * WIDTH];
  }
  y[id] = sum * SCALE;
}
