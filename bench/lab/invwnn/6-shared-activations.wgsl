// Lanes over neurons: 128 lanes make 128 neurons of four coordinates, which read the activations of all from workgroup
// memory. Neighbouring lanes read neighbouring weights. history [15, N], oldest first; predicted [N].
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

// Four coordinates of each neuron of the layer that is read.
var<workgroup> x: array<vec4f, 128>;
var<workgroup> narrow: array<vec4f, 8>;

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
  let places = 4u * vec4u(group.x) + vec4u(0u, 1u, 2u, 3u);
  // Coordinates behind the last are read as the last and not written.
  let i = min(places, vec4u(N - 1u));
  let oldest = vec4f(history[i.x], history[i.y], history[i.z], history[i.w]);
  var sum = vec4f(weights[2u * stream]);
  for (var s = 0u; s < 2u + hidden; s++) {
    let w = s * stream;
    if (lane < 15u) {
      let at = (14u - lane) * N + i;
      var value = vec4f(history[at.x], history[at.y], history[at.z], history[at.w]);
      if (s == 1u && lane < 14u) {
        let older = at - N;
        value = vec4f(history[older.x], history[older.y], history[older.z], history[older.w]) - value;
      }
      x[lane] = value;
    }
    workgroupBarrier();
    var t = vec4f(weights[w + first + 1920u + lane]);
    for (var k = 0u; k < 15u + hidden; k++) {
      t = fma(x[k], vec4f(weights[w + first + 128u * k + lane]), t);
    }
    workgroupBarrier();
    x[lane] = leaky(t);
    workgroupBarrier();
    t = vec4f(weights[w + second + 16384u + lane]);
    for (var k = 0u; k < 128u; k++) {
      t = fma(x[k], vec4f(weights[w + second + 128u * k + lane]), t);
    }
    workgroupBarrier();
    x[lane] = t;
    workgroupBarrier();
    // Eight neurons only: the other lanes wait.
    if (lane < 8u) {
      var c = vec4f(weights[w + compress + 1024u + lane]);
      for (var k = 0u; k < 128u; k++) {
        c = fma(x[k], vec4f(weights[w + compress + 8u * k + lane]), c);
      }
      narrow[lane] = max(c, vec4f());
    }
    workgroupBarrier();
    var l = vec4f(weights[w + linear + 1024u + lane]);
    var a = vec4f(weights[w + amplitude + 1024u + lane]);
    var r = vec4f(weights[w + rate + 1024u + lane]);
    for (var k = 0u; k < 8u + hidden; k++) {
      l = fma(narrow[k], vec4f(weights[w + linear + 128u * k + lane]), l);
      a = fma(narrow[k], vec4f(weights[w + amplitude + 128u * k + lane]), a);
      r = fma(narrow[k], vec4f(weights[w + rate + 128u * k + lane]), r);
    }
    x[lane] = l + a * exp(r * t);
    workgroupBarrier();
    if (lane < 64u) {
      t = vec4f(weights[w + third + 8192u + lane]);
      for (var k = 0u; k < 128u; k++) {
        t = fma(x[k], vec4f(weights[w + third + 64u * k + lane]), t);
      }
      t = leaky(t) * weights[w + output + lane];
    }
    workgroupBarrier();
    if (lane < 64u) {
      x[lane] = t;
    }
    workgroupBarrier();
    if (lane == 0u) {
      for (var k = 0u; k < 64u; k++) {
        sum += x[k];
      }
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let answer = oldest + tanh(sum);
    for (var j = 0u; j < 4u; j++) {
      if (places[j] < N) {
        predicted[places[j]] = answer[j];
      }
    }
  }
}
