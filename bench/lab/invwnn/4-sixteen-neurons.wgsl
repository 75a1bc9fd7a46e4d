// The wide layers make sixteen neurons at a time of the four coordinates: an activation that was read serves sixteen of
// them, five loads for 64 multiply-adds. history [15, N], oldest first; predicted [N].
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

// Row n: four coordinates of neuron n.
fn quad(bias: vec4f) -> mat4x4f {
  return mat4x4f(vec4f(bias.x), vec4f(bias.y), vec4f(bias.z), vec4f(bias.w));
}

// Adds four coordinates of an input times the weights of four neurons.
fn grow(s: mat4x4f, x: vec4f, w: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(x, vec4f(w.x), s[0]),
    fma(x, vec4f(w.y), s[1]),
    fma(x, vec4f(w.z), s[2]),
    fma(x, vec4f(w.w), s[3]),
  );
}

fn leaky(x: vec4f) -> vec4f {
  return max(x, 0.3 * x);
}

// What four neurons of the third layer add to the output.
fn part(t: mat4x4f, w: vec4f) -> vec4f {
  return leaky(t[0]) * w.x + leaky(t[1]) * w.y + leaky(t[2]) * w.z + leaky(t[3]) * w.w;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  // Always 0. Where ROLLED is 1 a driver does not know that, and leaves short loops as they are.
  let hidden = ROLLED * (groups.z - 1u);
  let places = 4u * vec4u(id.x) + vec4u(0u, 1u, 2u, 3u);
  // Coordinates behind the last are read as the last and not written.
  let i = min(places, vec4u(N - 1u));
  var inputs: array<vec4f, 15>;
  var early: array<vec4f, 128>;
  var late: array<vec4f, 128>;
  var narrow: array<vec4f, 8>;
  for (var k = 0u; k < 15u + hidden; k++) {
    let at = (14u - k) * N + i;
    inputs[k] = vec4f(history[at.x], history[at.y], history[at.z], history[at.w]);
  }
  let oldest = inputs[14];
  var sum = vec4f(weights[2u * stream].x);
  for (var s = 0u; s < 2u + hidden; s++) {
    let w = s * stream;
    if (s == 1u) {
      for (var k = 0u; k < 14u + hidden; k++) {
        inputs[k] = inputs[k + 1u] - inputs[k];
      }
    }
    for (var n = 0u; n < 32u + hidden; n++) {
      var t = quad(weights[w + first + 480u + n]);
      for (var k = 0u; k < 15u + hidden; k++) {
        t = grow(t, inputs[k], weights[w + first + 32u * k + n]);
      }
      early[4u * n] = leaky(t[0]);
      early[4u * n + 1u] = leaky(t[1]);
      early[4u * n + 2u] = leaky(t[2]);
      early[4u * n + 3u] = leaky(t[3]);
    }
    for (var n = 0u; n < 32u + hidden; n += 4u) {
      let bias = w + second + 4096u + n;
      var t0 = quad(weights[bias]);
      var t1 = quad(weights[bias + 1u]);
      var t2 = quad(weights[bias + 2u]);
      var t3 = quad(weights[bias + 3u]);
      for (var k = 0u; k < 128u; k++) {
        let x = early[k];
        let at = w + second + 32u * k + n;
        t0 = grow(t0, x, weights[at]);
        t1 = grow(t1, x, weights[at + 1u]);
        t2 = grow(t2, x, weights[at + 2u]);
        t3 = grow(t3, x, weights[at + 3u]);
      }
      for (var j = 0u; j < 4u; j++) {
        late[4u * n + j] = t0[j];
        late[4u * n + 4u + j] = t1[j];
        late[4u * n + 8u + j] = t2[j];
        late[4u * n + 12u + j] = t3[j];
      }
    }
    for (var n = 0u; n < 2u + hidden; n++) {
      var t = quad(weights[w + compress + 256u + n]);
      for (var k = 0u; k < 128u; k++) {
        t = grow(t, late[k], weights[w + compress + 2u * k + n]);
      }
      narrow[4u * n] = max(t[0], vec4f());
      narrow[4u * n + 1u] = max(t[1], vec4f());
      narrow[4u * n + 2u] = max(t[2], vec4f());
      narrow[4u * n + 3u] = max(t[3], vec4f());
    }
    for (var n = 0u; n < 32u + hidden; n++) {
      var l = quad(weights[w + linear + 256u + n]);
      var a = quad(weights[w + amplitude + 256u + n]);
      var r = quad(weights[w + rate + 256u + n]);
      for (var k = 0u; k < 8u + hidden; k++) {
        l = grow(l, narrow[k], weights[w + linear + 32u * k + n]);
        a = grow(a, narrow[k], weights[w + amplitude + 32u * k + n]);
        r = grow(r, narrow[k], weights[w + rate + 32u * k + n]);
      }
      late[4u * n] = l[0] + a[0] * exp(r[0] * late[4u * n]);
      late[4u * n + 1u] = l[1] + a[1] * exp(r[1] * late[4u * n + 1u]);
      late[4u * n + 2u] = l[2] + a[2] * exp(r[2] * late[4u * n + 2u]);
      late[4u * n + 3u] = l[3] + a[3] * exp(r[3] * late[4u * n + 3u]);
    }
    for (var n = 0u; n < 16u + hidden; n += 4u) {
      let bias = w + third + 2048u + n;
      var t0 = quad(weights[bias]);
      var t1 = quad(weights[bias + 1u]);
      var t2 = quad(weights[bias + 2u]);
      var t3 = quad(weights[bias + 3u]);
      for (var k = 0u; k < 128u; k++) {
        let x = late[k];
        let at = w + third + 16u * k + n;
        t0 = grow(t0, x, weights[at]);
        t1 = grow(t1, x, weights[at + 1u]);
        t2 = grow(t2, x, weights[at + 2u]);
        t3 = grow(t3, x, weights[at + 3u]);
      }
      let last = w + output + n;
      sum += part(t0, weights[last]) + part(t1, weights[last + 1u]) + part(t2, weights[last + 2u]) + part(t3, weights[last + 3u]);
    }
  }
  let answer = oldest + tanh(sum);
  for (var j = 0u; j < 4u; j++) {
    if (places[j] < N) {
      predicted[places[j]] = answer[j];
    }
  }
}
