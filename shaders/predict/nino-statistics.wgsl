//! import predict/range, walk/thread
// Mean and standard deviation (unbiased) of a tensor over all its weights and all snapshots, in two
// steps: parts of SPAN weights each, then their union (Chan, Golub, LeVeque 1979).
// parts: (count, mean, sum of squared deviations, 0), from number outFirst of the range on; table: first part and
// number of parts of each tensor; statistics: (mean, standard deviation) of each tensor.
// collect: one workgroup a part. merge: one thread a tensor.
// Constants: WINDOW snapshots, SPAN weights a part, TENSORS.
@group(0) @binding(3) var<storage, read_write> parts: array<vec4f>;
@group(0) @binding(4) var<storage, read> known: array<vec4f>;
@group(0) @binding(5) var<storage, read> table: array<vec2u>;
@group(0) @binding(6) var<storage, read_write> statistics: array<vec2f>;

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
fn collect(thread: Thread) {
  let part = group_of(thread);
  let local = thread.local;
  let start = part * u32(SPAN);
  let end = min(start + u32(SPAN), range.count);
  // Deviations from one of the numbers keep their digits where all lie close together.
  let shift = snapshot(0u, range.first + min(start, range.count - 1u));
  var own = 0.0;
  for (var i = start + local; i < end; i += 64u) {
    for (var k = 0u; k < u32(WINDOW); k++) {
      own += snapshot(k, range.first + i) - shift;
    }
  }
  let number = f32((max(end, start) - start) * u32(WINDOW));
  let mean = total(local, own) / max(number, 1.0);
  own = 0.0;
  for (var i = start + local; i < end; i += 64u) {
    for (var k = 0u; k < u32(WINDOW); k++) {
      let d = snapshot(k, range.first + i) - shift - mean;
      own += d * d;
    }
  }
  let squares = total(local, own);
  if (local == 0u && start < range.count) {
    parts[range.outFirst + part] = vec4f(number, shift + mean, squares, 0.0);
  }
}

@compute @workgroup_size(64)
fn merge(thread: Thread) {
  let tensor = number_of(thread);
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
  statistics[tensor] = vec2f(all.y, sqrt(all.z / max(all.x - 1.0, 1.0)));
}
