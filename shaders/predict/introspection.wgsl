// Introspection: predicted = output . relu(hidden(1000 h)) / 1000, h four earlier values of a weight.
// Sinha, Sarkar, Mukherjee, Krishnamurthy: Introspection (ICLR 2017).
// Prelude: BASE (1: the prediction; 2: what it adds to the newest value).
// history: 4 slices of `stride` floats, oldest first. predicted[outFirst + i].
// weights: two vec4f a hidden neuron, (its four inputs) and (bias, output weight, 0, 0), then the output
// bias. One thread a coordinate.
struct Range {
  first: u32,
  count: u32,
  stride: u32,
  outFirst: u32,
}

@group(0) @binding(0) var<storage, read> history: array<f32>;
@group(0) @binding(1) var<storage, read_write> predicted: array<f32>;
@group(0) @binding(2) var<uniform> range: Range;
@group(0) @binding(3) var<uniform> weights: array<vec4f, 81>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= range.count) {
    return;
  }
  let at = range.first + i;
  let newest = history[at + 3u * range.stride];
  let h = 1000.0 * vec4f(
    history[at],
    history[at + range.stride],
    history[at + 2u * range.stride],
    newest,
  );
  var sum = weights[80].x;
  for (var o = 0u; o < 40u; o++) {
    let last = weights[2u * o + 1u];
    sum += max(dot(weights[2u * o], h) + last.x, 0.0) * last.y;
  }
  sum /= 1000.0;
  if (BASE == 2) {
    sum -= newest;
  }
  predicted[range.outFirst + i] = sum;
}
