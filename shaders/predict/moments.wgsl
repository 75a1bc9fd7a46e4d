// Mean and standard deviation (unbiased) of a tensor over all its weights and all snapshots, in two
// steps: parts of SPAN weights each, then their union (Chan, Golub, LeVeque 1979).
// Prelude: WINDOW snapshots, SPAN weights a part, TENSORS.
// history: WINDOW slices of `stride` floats; parts: (count, mean, sum of squared deviations, 0); table: first
// part and number of parts of each tensor; moments: (mean, standard deviation) of each tensor.
// collect: one workgroup a part. merge: one thread a tensor.
struct Range {
  first: u32,
  count: u32,
  stride: u32,
  outFirst: u32,
}

@group(0) @binding(0) var<storage, read> history: array<f32>;
@group(0) @binding(1) var<uniform> range: Range;
@group(0) @binding(2) var<storage, read_write> parts: array<vec4f>;
@group(0) @binding(3) var<storage, read> known: array<vec4f>;
@group(0) @binding(4) var<storage, read> table: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> moments: array<vec2f>;

var<workgroup> sums: array<f32, 64>;

fn total(local: u32, own: f32) -> f32 {
  workgroupBarrier();
  sums[local] = own;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      sums[local] += sums[local + half];
    }
  }
  workgroupBarrier();
  return sums[0];
}

@compute @workgroup_size(64)
fn collect(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let part = wid.y * groups.x + wid.x;
  let start = part * u32(SPAN);
  let end = min(start + u32(SPAN), range.count);
  // Deviations from one of the numbers keep their digits where all lie close together.
  let shift = history[range.first + min(start, range.count - 1u)];
  var own = 0.0;
  for (var i = start + local; i < end; i += 64u) {
    for (var k = 0u; k < u32(WINDOW); k++) {
      own += history[k * range.stride + range.first + i] - shift;
    }
  }
  let number = f32((max(end, start) - start) * u32(WINDOW));
  let mean = total(local, own) / max(number, 1.0);
  own = 0.0;
  for (var i = start + local; i < end; i += 64u) {
    for (var k = 0u; k < u32(WINDOW); k++) {
      let d = history[k * range.stride + range.first + i] - shift - mean;
      own += d * d;
    }
  }
  let squares = total(local, own);
  if (local == 0u && start < range.count) {
    parts[range.outFirst + part] = vec4f(number, shift + mean, squares, 0.0);
  }
}

@compute @workgroup_size(64)
fn merge(@builtin(global_invocation_id) id: vec3u) {
  let tensor = id.x;
  if (tensor >= u32(TENSORS)) {
    return;
  }
  var all = known[table[tensor].x];
  for (var j = 1u; j < table[tensor].y; j++) {
    let part = known[table[tensor].x + j];
    let number = all.x + part.x;
    let d = part.y - all.y;
    all = vec4f(
      number,
      all.y + d * part.x / number,
      all.z + part.z + d * d * all.x * part.x / number,
      0.0,
    );
  }
  moments[tensor] = vec2f(all.y, sqrt(all.z / max(all.x - 1.0, 1.0)));
}
