// 128 lanes take 32 coordinates, and a lane makes eight neurons of four of them: a vec4 of activations, from workgroup
// memory, and two of weights for 32 multiply-adds. history [15, N], oldest first; predicted [N].
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

// Coordinates 4 c .. 4 c + 3 of neuron n at 8 n + c.
var<workgroup> x: array<vec4f, 1024>;
var<workgroup> narrow: array<vec4f, 64>;

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

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  // Always 0. Where ROLLED is 1 a driver does not know that, and leaves short loops as they are.
  let hidden = ROLLED * (groups.z - 1u);
  // Neurons 4 n .. 4 n + 3 and 64 + 4 n .. 64 + 4 n + 3 of coordinates 4 c .. 4 c + 3.
  let n = lane % 16u;
  let c = lane / 16u;
  let low = 32u * n + c;
  let high = low + 512u;
  var sum = vec4f(weights[2u * stream].x);
  for (var s = 0u; s < 2u + hidden; s++) {
    let w = s * stream;
    // 15 inputs of eight vec4. Coordinates behind the last are read as the last and not written.
    if (lane < 120u) {
      let i = min(vec4u(32u * group.x + 4u * (lane % 8u)) + vec4u(0u, 1u, 2u, 3u), vec4u(N - 1u));
      let at = (14u - lane / 8u) * N + i;
      var value = vec4f(history[at.x], history[at.y], history[at.z], history[at.w]);
      if (s == 1u && lane < 112u) {
        let older = at - N;
        value = vec4f(history[older.x], history[older.y], history[older.z], history[older.w]) - value;
      }
      x[lane] = value;
    }
    workgroupBarrier();
    var a0 = quad(weights[w + first + 480u + n]);
    var a1 = quad(weights[w + first + 496u + n]);
    for (var k = 0u; k < 15u + hidden; k++) {
      let value = x[8u * k + c];
      a0 = grow(a0, value, weights[w + first + 32u * k + n]);
      a1 = grow(a1, value, weights[w + first + 32u * k + 16u + n]);
    }
    workgroupBarrier();
    for (var j = 0u; j < 4u; j++) {
      x[low + 8u * j] = leaky(a0[j]);
      x[high + 8u * j] = leaky(a1[j]);
    }
    workgroupBarrier();
    var b0 = quad(weights[w + second + 4096u + n]);
    var b1 = quad(weights[w + second + 4112u + n]);
    for (var k = 0u; k < 128u; k++) {
      let value = x[8u * k + c];
      b0 = grow(b0, value, weights[w + second + 32u * k + n]);
      b1 = grow(b1, value, weights[w + second + 32u * k + 16u + n]);
    }
    workgroupBarrier();
    for (var j = 0u; j < 4u; j++) {
      x[low + 8u * j] = b0[j];
      x[high + 8u * j] = b1[j];
    }
    workgroupBarrier();
    // Eight neurons of eight vec4: half of the lanes make one each.
    if (lane < 64u) {
      let neuron = lane / 8u;
      var t = vec4f(weights[w + compress + 256u + neuron / 4u][neuron % 4u]);
      for (var k = 0u; k < 128u; k++) {
        t = fma(x[8u * k + lane % 8u], vec4f(weights[w + compress + 2u * k + neuron / 4u][neuron % 4u]), t);
      }
      narrow[lane] = max(t, vec4f());
    }
    workgroupBarrier();
    for (var half = 0u; half < 2u + hidden; half++) {
      let column = w + 16u * half + n;
      var l = quad(weights[column + linear + 256u]);
      var a = quad(weights[column + amplitude + 256u]);
      var r = quad(weights[column + rate + 256u]);
      for (var k = 0u; k < 8u + hidden; k++) {
        let value = narrow[8u * k + c];
        l = grow(l, value, weights[column + linear + 32u * k]);
        a = grow(a, value, weights[column + amplitude + 32u * k]);
        r = grow(r, value, weights[column + rate + 32u * k]);
      }
      let own = low + 512u * half;
      for (var j = 0u; j < 4u; j++) {
        x[own + 8u * j] = l[j] + a[j] * exp(r[j] * x[own + 8u * j]);
      }
    }
    workgroupBarrier();
    var t = quad(weights[w + third + 2048u + n]);
    for (var k = 0u; k < 128u; k++) {
      t = grow(t, x[8u * k + c], weights[w + third + 16u * k + n]);
    }
    let last = weights[w + output + n];
    workgroupBarrier();
    x[8u * n + c] = leaky(t[0]) * last.x + leaky(t[1]) * last.y + leaky(t[2]) * last.z + leaky(t[3]) * last.w;
    workgroupBarrier();
    if (lane < 8u) {
      for (var k = 0u; k < 16u + hidden; k++) {
        sum += x[8u * k + lane];
      }
    }
    workgroupBarrier();
  }
  if (lane < 8u) {
    for (var j = 0u; j < 4u; j++) {
      let i = 32u * group.x + 4u * lane + j;
      if (i < N) {
        predicted[i] = history[i] + tanh(sum[j]);
      }
    }
  }
}
