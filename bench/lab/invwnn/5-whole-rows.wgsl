// A neuron at a time again, for four coordinates, but its whole row of weights is written out: each activation is at a
// constant place of its array, where a varying place is a slow gather on software Vulkan.
// `turned` holds the kernels as [out, in], rows of the first layer padded to sixteen and all else as in `weights`.
// history [15, N], oldest first; predicted [N].
override N: u32;
// 1 for a driver that takes minutes to compile short loops where it writes them out (llvmpipe), 0 for others.
override ROLLED: u32;
@group(0) @binding(0) var<storage, read> history: array<f32>;
@group(0) @binding(2) var<storage, read> turned: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> predicted: array<f32>;

// Where a stream's layers begin, in vec4: kernels [out, in], each before its bias; the output's kernel last.
const first = 0u;
const second = 544u;
const compress = 4672u;
const linear = 4930u;
const amplitude = 5218u;
const rate = 5506u;
const third = 5794u;
const output = 7858u;
const stream = 7874u;

// What the wide layers read, and what they are making.
var<private> x: array<vec4f, 128>;
var<private> next: array<vec4f, 128>;
var<private> narrow: array<vec4f, 8>;

fn leaky(x: vec4f) -> vec4f {
  return max(x, 0.3 * x);
}

// Adds four inputs, each of four coordinates, times their weights.
fn grow(sum: vec4f, w: vec4f, x0: vec4f, x1: vec4f, x2: vec4f, x3: vec4f) -> vec4f {
  return fma(x3, vec4f(w.w), fma(x2, vec4f(w.z), fma(x1, vec4f(w.y), fma(x0, vec4f(w.x), sum))));
}

// The float at a place counted in floats.
fn float(at: u32) -> f32 {
  return turned[at / 4u][at % 4u];
}

// A neuron with 128 inputs; its weights begin at `at`.
fn wide(at: u32, bias: f32) -> vec4f {
  var sum = vec4f(bias);
  sum = grow(sum, turned[at], x[0], x[1], x[2], x[3]);
  sum = grow(sum, turned[at + 1u], x[4], x[5], x[6], x[7]);
  sum = grow(sum, turned[at + 2u], x[8], x[9], x[10], x[11]);
  sum = grow(sum, turned[at + 3u], x[12], x[13], x[14], x[15]);
  sum = grow(sum, turned[at + 4u], x[16], x[17], x[18], x[19]);
  sum = grow(sum, turned[at + 5u], x[20], x[21], x[22], x[23]);
  sum = grow(sum, turned[at + 6u], x[24], x[25], x[26], x[27]);
  sum = grow(sum, turned[at + 7u], x[28], x[29], x[30], x[31]);
  sum = grow(sum, turned[at + 8u], x[32], x[33], x[34], x[35]);
  sum = grow(sum, turned[at + 9u], x[36], x[37], x[38], x[39]);
  sum = grow(sum, turned[at + 10u], x[40], x[41], x[42], x[43]);
  sum = grow(sum, turned[at + 11u], x[44], x[45], x[46], x[47]);
  sum = grow(sum, turned[at + 12u], x[48], x[49], x[50], x[51]);
  sum = grow(sum, turned[at + 13u], x[52], x[53], x[54], x[55]);
  sum = grow(sum, turned[at + 14u], x[56], x[57], x[58], x[59]);
  sum = grow(sum, turned[at + 15u], x[60], x[61], x[62], x[63]);
  sum = grow(sum, turned[at + 16u], x[64], x[65], x[66], x[67]);
  sum = grow(sum, turned[at + 17u], x[68], x[69], x[70], x[71]);
  sum = grow(sum, turned[at + 18u], x[72], x[73], x[74], x[75]);
  sum = grow(sum, turned[at + 19u], x[76], x[77], x[78], x[79]);
  sum = grow(sum, turned[at + 20u], x[80], x[81], x[82], x[83]);
  sum = grow(sum, turned[at + 21u], x[84], x[85], x[86], x[87]);
  sum = grow(sum, turned[at + 22u], x[88], x[89], x[90], x[91]);
  sum = grow(sum, turned[at + 23u], x[92], x[93], x[94], x[95]);
  sum = grow(sum, turned[at + 24u], x[96], x[97], x[98], x[99]);
  sum = grow(sum, turned[at + 25u], x[100], x[101], x[102], x[103]);
  sum = grow(sum, turned[at + 26u], x[104], x[105], x[106], x[107]);
  sum = grow(sum, turned[at + 27u], x[108], x[109], x[110], x[111]);
  sum = grow(sum, turned[at + 28u], x[112], x[113], x[114], x[115]);
  sum = grow(sum, turned[at + 29u], x[116], x[117], x[118], x[119]);
  sum = grow(sum, turned[at + 30u], x[120], x[121], x[122], x[123]);
  sum = grow(sum, turned[at + 31u], x[124], x[125], x[126], x[127]);
  return sum;
}

// A neuron with the eight inputs of the gate.
fn slim(at: u32, bias: f32) -> vec4f {
  let half = grow(vec4f(bias), turned[at], narrow[0], narrow[1], narrow[2], narrow[3]);
  return grow(half, turned[at + 1u], narrow[4], narrow[5], narrow[6], narrow[7]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  // Always 0. Where ROLLED is 1 a driver does not know that, and leaves short loops as they are.
  let hidden = ROLLED * (groups.z - 1u);
  let places = 4u * vec4u(id.x) + vec4u(0u, 1u, 2u, 3u);
  // Coordinates behind the last are read as the last and not written.
  let i = min(places, vec4u(N - 1u));
  var inputs: array<vec4f, 16>;
  for (var k = 0u; k < 15u + hidden; k++) {
    let at = (14u - k) * N + i;
    inputs[k] = vec4f(history[at.x], history[at.y], history[at.z], history[at.w]);
  }
  let oldest = inputs[14];
  var sum = vec4f(turned[2u * stream].x);
  for (var s = 0u; s < 2u + hidden; s++) {
    let w = s * stream;
    if (s == 1u) {
      for (var k = 0u; k < 14u + hidden; k++) {
        inputs[k] = inputs[k + 1u] - inputs[k];
      }
    }
    for (var n = 0u; n < 128u; n++) {
      let at = w + first + 4u * n;
      var t = vec4f(float(4u * (w + first + 512u) + n));
      t = grow(t, turned[at], inputs[0], inputs[1], inputs[2], inputs[3]);
      t = grow(t, turned[at + 1u], inputs[4], inputs[5], inputs[6], inputs[7]);
      t = grow(t, turned[at + 2u], inputs[8], inputs[9], inputs[10], inputs[11]);
      t = grow(t, turned[at + 3u], inputs[12], inputs[13], inputs[14], inputs[15]);
      x[n] = leaky(t);
    }
    // Second, compress and third in one loop, so that the long row is compiled once.
    for (var layer = 0u; layer < 3u + hidden; layer++) {
      let begin = w + select(select(third, compress, layer == 1u), second, layer == 0u);
      let neurons = select(select(64u, 8u, layer == 1u), 128u, layer == 0u);
      for (var n = 0u; n < neurons; n++) {
        let t = wide(begin + 32u * n, float(4u * (begin + 32u * neurons) + n));
        if (layer == 0u) {
          next[n] = t;
        } else if (layer == 1u) {
          narrow[n] = max(t, vec4f());
        } else {
          sum = fma(leaky(t), vec4f(float(4u * (w + output) + n)), sum);
        }
      }
      if (layer == 0u) {
        for (var n = 0u; n < 128u; n++) {
          x[n] = next[n];
        }
      } else if (layer == 1u) {
        for (var n = 0u; n < 128u; n++) {
          let l = slim(w + linear + 2u * n, float(4u * (w + linear + 256u) + n));
          let a = slim(w + amplitude + 2u * n, float(4u * (w + amplitude + 256u) + n));
          let r = slim(w + rate + 2u * n, float(4u * (w + rate + 256u) + n));
          x[n] = l + a * exp(r * x[n]);
        }
      }
    }
  }
  let answer = oldest + tanh(sum);
  for (var j = 0u; j < 4u; j++) {
    if (places[j] < N) {
      predicted[places[j]] = answer[j];
    }
  }
}
