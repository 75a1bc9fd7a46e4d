// InvWNN: predicted = oldest + tanh(output . [stream(values), stream(differences)] + bias), where stream(x) =
// leaky(third(gate(second(leaky(first(x)))))) and gate(x) = l + a exp(r x), with l, a, r linear in relu(compress(x)).
// A lane makes one coordinate through all layers, a neuron at a time: two loads for a multiply-add.
// history [15, N], the oldest snapshot first, which the network wants newest first; predicted [N].
override N: u32;
// 1 for a driver that takes minutes to compile short loops where it writes them out (llvmpipe), 0 for others.
override ROLLED: u32;
@group(0) @binding(0) var<storage, read> history: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> predicted: array<f32>;

// Where a stream's layers begin, in floats: kernels [in, out], each before its bias; the output's kernel last.
const first = 0u;
const second = 2048u;
const compress = 18560u;
const linear = 19592u;
const amplitude = 20744u;
const rate = 21896u;
const third = 23048u;
const output = 31304u;
const stream = 31368u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  // Always 0. Where ROLLED is 1 a driver does not know that, and leaves short loops as they are.
  let hidden = ROLLED * (groups.z - 1u);
  let i = min(id.x, N - 1u);
  var inputs: array<f32, 15>;
  var early: array<f32, 128>;
  var late: array<f32, 128>;
  var narrow: array<f32, 8>;
  for (var k = 0u; k < 15u + hidden; k++) {
    inputs[k] = history[(14u - k) * N + i];
  }
  var sum = weights[2u * stream];
  for (var s = 0u; s < 2u + hidden; s++) {
    let w = s * stream;
    if (s == 1u) {
      // Older minus newer; there is one difference less than values, and its weights are 0.
      for (var k = 0u; k < 14u + hidden; k++) {
        inputs[k] = inputs[k + 1u] - inputs[k];
      }
    }
    for (var n = 0u; n < 128u; n++) {
      var t = weights[w + first + 1920u + n];
      for (var k = 0u; k < 15u + hidden; k++) {
        t = fma(inputs[k], weights[w + first + 128u * k + n], t);
      }
      early[n] = max(t, 0.3 * t);
    }
    for (var n = 0u; n < 128u; n++) {
      var t = weights[w + second + 16384u + n];
      for (var k = 0u; k < 128u; k++) {
        t = fma(early[k], weights[w + second + 128u * k + n], t);
      }
      late[n] = t;
    }
    for (var n = 0u; n < 8u + hidden; n++) {
      var t = weights[w + compress + 1024u + n];
      for (var k = 0u; k < 128u; k++) {
        t = fma(late[k], weights[w + compress + 8u * k + n], t);
      }
      narrow[n] = max(t, 0.0);
    }
    for (var n = 0u; n < 128u; n++) {
      var l = weights[w + linear + 1024u + n];
      var a = weights[w + amplitude + 1024u + n];
      var r = weights[w + rate + 1024u + n];
      for (var k = 0u; k < 8u + hidden; k++) {
        l = fma(narrow[k], weights[w + linear + 128u * k + n], l);
        a = fma(narrow[k], weights[w + amplitude + 128u * k + n], a);
        r = fma(narrow[k], weights[w + rate + 128u * k + n], r);
      }
      late[n] = l + a * exp(r * late[n]);
    }
    for (var n = 0u; n < 64u; n++) {
      var t = weights[w + third + 8192u + n];
      for (var k = 0u; k < 128u; k++) {
        t = fma(late[k], weights[w + third + 64u * k + n], t);
      }
      sum = fma(max(t, 0.3 * t), weights[w + output + n], sum);
    }
  }
  if (id.x < N) {
    predicted[i] = history[i] + tanh(sum);
  }
}
