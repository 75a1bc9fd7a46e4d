// hits[b] = 1 if the largest logit of row b (the first, on ties) is the label's, else 0.
// Prelude: B rows, C classes. logits [B, C], labels [B]. One thread a row.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> hits: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x;
  if (row >= B) {
    return;
  }
  var best = 0u;
  var highest = logits[row * C];
  for (var c = 1u; c < C; c++) {
    let z = logits[row * C + c];
    if (z > highest) {
      highest = z;
      best = c;
    }
  }
  hits[row] = select(0u, 1u, best == labels[row]);
}
