// Labels and row weights of a batch: weights[b] = 1 / rows for the rows that count, 0 for the rest.
// Prelude: B. order: picture numbers; all: one label a picture; step: see next-step.wgsl.
// labels [B], weights [B]. One thread a row.
@group(0) @binding(0) var<storage, read> all: array<u32>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> step: array<u32>;
@group(0) @binding(3) var<storage, read_write> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x;
  if (row >= u32(B)) {
    return;
  }
  let rows = step[0];
  var label = 0u;
  var weight = 0.0;
  if (row < rows) {
    label = all[order[step[1] + row]];
    weight = 1.0 / f32(rows);
  }
  labels[row] = label;
  weights[row] = weight;
}
