// Four neurons at a time, their weights and activations as vec4: five loads for sixteen multiply-adds.
// A lane makes one coordinate. history [15, N], oldest first; predicted [N].
override N: u32;
// 1 for a driver that takes minutes to compile short loops where it writes them out (llvmpipe), 0 for others.
override ROLLED: u32;
@group(0) @binding(0) var<storage, read> history: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> predicted: array<f32>;

// Where a stream's layers begin, in vec4: kernels [in, out], each before its bias; the output's kernel last.
const first = 0u;
const second = 512u;
const compress = 4640u;
const linear = 4898u;
const amplitude = 5186u;
const rate = 5474u;
const third = 5762u;
const output = 7826u;
const stream = 7842u;

// Adds four inputs times their rows of weights, which begin at `at` and lie `stride` apart.
fn four(x: vec4f, at: u32, stride: u32, sum: vec4f) -> vec4f {
  var t = fma(vec4f(x.x), weights[at], sum);
  t = fma(vec4f(x.y), weights[at + stride], t);
  t = fma(vec4f(x.z), weights[at + 2u * stride], t);
  return fma(vec4f(x.w), weights[at + 3u * stride], t);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  // Always 0. Where ROLLED is 1 a driver does not know that, and leaves short loops as they are.
  let hidden = ROLLED * (groups.z - 1u);
  let i = min(id.x, N - 1u);
  var inputs: array<f32, 15>;
  var early: array<vec4f, 32>;
  var late: array<vec4f, 32>;
  var narrow: array<vec4f, 2>;
  for (var k = 0u; k < 15u + hidden; k++) {
    inputs[k] = history[(14u - k) * N + i];
  }
  var sum = weights[2u * stream].x;
  for (var s = 0u; s < 2u + hidden; s++) {
    let w = s * stream;
    if (s == 1u) {
      for (var k = 0u; k < 14u + hidden; k++) {
        inputs[k] = inputs[k + 1u] - inputs[k];
      }
    }
    for (var n = 0u; n < 32u + hidden; n++) {
      var t = weights[w + first + 480u + n];
      for (var k = 0u; k < 15u + hidden; k++) {
        t = fma(vec4f(inputs[k]), weights[w + first + 32u * k + n], t);
      }
      early[n] = max(t, 0.3 * t);
    }
    for (var n = 0u; n < 32u + hidden; n++) {
      var t = weights[w + second + 4096u + n];
      for (var k = 0u; k < 32u + hidden; k++) {
        t = four(early[k], w + second + 128u * k + n, 32u, t);
      }
      late[n] = t;
    }
    for (var n = 0u; n < 2u + hidden; n++) {
      var t = weights[w + compress + 256u + n];
      for (var k = 0u; k < 32u + hidden; k++) {
        t = four(late[k], w + compress + 8u * k + n, 2u, t);
      }
      narrow[n] = max(t, vec4f());
    }
    for (var n = 0u; n < 32u + hidden; n++) {
      var l = weights[w + linear + 256u + n];
      var a = weights[w + amplitude + 256u + n];
      var r = weights[w + rate + 256u + n];
      for (var k = 0u; k < 2u + hidden; k++) {
        l = four(narrow[k], w + linear + 128u * k + n, 32u, l);
        a = four(narrow[k], w + amplitude + 128u * k + n, 32u, a);
        r = four(narrow[k], w + rate + 128u * k + n, 32u, r);
      }
      late[n] = l + a * exp(r * late[n]);
    }
    for (var n = 0u; n < 16u + hidden; n++) {
      var t = weights[w + third + 2048u + n];
      for (var k = 0u; k < 32u + hidden; k++) {
        t = four(late[k], w + third + 64u * k + n, 16u, t);
      }
      sum += dot(max(t, 0.3 * t), weights[w + output + n]);
    }
  }
  if (id.x < N) {
    predicted[i] = history[i] + tanh(sum);
  }
}
