//! import predict/invwnn
// InvWNN (predict/invwnn) for GPUs. Constants: those of the part; KEEP_VALUE, KEEP_DIFFERENCE: a stream that is
// not kept is a constant which the packer has added to the output bias.
// weights: packed for "gpu"; offsets below, in vec4f.
// Grid: 1-D folded to 2-D; a group of 128 threads takes 32 coordinates.
// Activations stay in one 16 KiB tile [neuron][coordinate], which every layer reads and, behind a
// barrier, overwrites. A thread makes 8 neurons (og, og + 16 in vec4f) x 4 coordinates; the streams run
// one after the other because their halves of the output layer are separate sums.
@group(0) @binding(3) var<storage, read> weights: array<vec4f>;

// Offsets within a stream: kernels [in][out] and their biases; compress is stored [out][in].
const firstBias = window * 32u;
const secondKernel = firstBias + 32u;
const secondBias = secondKernel + 4096u;
const compressKernel = secondBias + 32u;
const compressBias = compressKernel + 256u;
const linearKernel = compressBias + 2u;
const linearBias = linearKernel + 256u;
const amplitudeKernel = linearBias + 32u;
const amplitudeBias = amplitudeKernel + 256u;
const rateKernel = amplitudeBias + 32u;
const rateBias = rateKernel + 256u;
const thirdKernel = rateBias + 32u;
const thirdBias = thirdKernel + 2048u;
const outputKernel = thirdBias + 16u;
const streamSize = outputKernel + 16u;

// Four coordinates of a neuron each; see `cell`.
var<workgroup> tile: array<vec4f, 1024>;

// Where coordinates 4 cg .. 4 cg + 3 of a neuron lie. Threads of a warp write neurons 4 apart: without
// the exclusive-or all would hit the same banks.
fn cell(neuron: u32, cg: u32) -> u32 {
  return neuron * 8u + (cg ^ ((neuron >> 2u) & 7u));
}

fn put(neuron: u32, cg: u32, y0: vec4f, y1: vec4f, y2: vec4f, y3: vec4f) {
  tile[cell(neuron, cg)] = y0;
  tile[cell(neuron + 1u, cg)] = y1;
  tile[cell(neuron + 2u, cg)] = y2;
  tile[cell(neuron + 3u, cg)] = y3;
}

// Four neurons for four coordinates.
struct Quad {
  y0: vec4f,
  y1: vec4f,
  y2: vec4f,
  y3: vec4f,
}

fn quad(b: vec4f) -> Quad {
  return Quad(vec4f(b.x), vec4f(b.y), vec4f(b.z), vec4f(b.w));
}

fn grow(q: Quad, x: vec4f, w: vec4f) -> Quad {
  return Quad(fma(x, vec4f(w.x), q.y0), fma(x, vec4f(w.y), q.y1), fma(x, vec4f(w.z), q.y2), fma(x, vec4f(w.w), q.y3));
}

// Sum of the two halves that compress left in the tile, for neuron `o` of 8.
fn compressed(at: u32, o: u32, cg: u32) -> vec4f {
  let bias = weights[at + compressBias + (o >> 2u)][o & 3u];
  return max(vec4f(0.0), tile[o * 8u + cg] + tile[64u + o * 8u + cg] + bias);
}

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (wid.y * groups.x + wid.x) * 32u;
  let og = local & 15u;
  let cg = local >> 4u;
  // Pre-activation of the output; only the first 8 threads use theirs, for coordinates 4 local + 0..3.
  var total = vec4f(weights[2u * streamSize].x);

  for (var s = select(1u, 0u, KEEP_VALUE); s < select(1u, 2u, KEEP_DIFFERENCE); s++) {
    let at = s * streamSize;

    // Inputs, oldest first as the first kernel is packed; difference d: older minus newer.
    for (var n = local; n < (window - s) * 8u; n += 128u) {
      let k = n >> 3u;
      let at = coordinates(start + 4u * (n & 7u));
      var x = four(k, at);
      if (s == 1u) {
        x -= four(k + 1u, at);
      }
      tile[cell(k, n & 7u)] = x;
    }
    workgroupBarrier();

    // First and second layer: the same loop over different weights.
    var y0 = vec4f(0.0);
    var y1 = vec4f(0.0);
    var y2 = vec4f(0.0);
    var y3 = vec4f(0.0);
    var y4 = vec4f(0.0);
    var y5 = vec4f(0.0);
    var y6 = vec4f(0.0);
    var y7 = vec4f(0.0);
    for (var layer = 0u; layer < 2u; layer++) {
      let second = layer == 1u;
      let bias = at + select(firstBias, secondBias, second);
      let b0 = weights[bias + og];
      let b1 = weights[bias + 16u + og];
      y0 = vec4f(b0.x);
      y1 = vec4f(b0.y);
      y2 = vec4f(b0.z);
      y3 = vec4f(b0.w);
      y4 = vec4f(b1.x);
      y5 = vec4f(b1.y);
      y6 = vec4f(b1.z);
      y7 = vec4f(b1.w);
      var row = at + select(0u, secondKernel, second) + og;
      let depth = select(window - s, 128u, second);
      for (var k = 0u; k < depth; k++) {
        let x = tile[cell(k, cg)];
        let w0 = weights[row];
        let w1 = weights[row + 16u];
        row += 32u;
        y0 = fma(x, vec4f(w0.x), y0);
        y1 = fma(x, vec4f(w0.y), y1);
        y2 = fma(x, vec4f(w0.z), y2);
        y3 = fma(x, vec4f(w0.w), y3);
        y4 = fma(x, vec4f(w1.x), y4);
        y5 = fma(x, vec4f(w1.y), y5);
        y6 = fma(x, vec4f(w1.z), y6);
        y7 = fma(x, vec4f(w1.w), y7);
      }
      workgroupBarrier();
      // The second layer is linear; its values also stay in registers for the gate.
      let slope = select(0.3, 1.0, second);
      put(4u * og, cg, max(y0, slope * y0), max(y1, slope * y1), max(y2, slope * y2), max(y3, slope * y3));
      put(64u + 4u * og, cg, max(y4, slope * y4), max(y5, slope * y5), max(y6, slope * y6), max(y7, slope * y7));
      workgroupBarrier();
    }

    // Compress: 8 neurons x 8 vec4f of coordinates x 2 halves of the inputs.
    let half = local >> 6u;
    let o = (local >> 3u) & 7u;
    let part = local & 7u;
    var c = vec4f(0.0);
    for (var k = 64u * half; k < 64u * half + 64u; k += 4u) {
      let w = weights[at + compressKernel + 32u * o + (k >> 2u)];
      c = fma(tile[cell(k, part)], vec4f(w.x), c);
      c = fma(tile[cell(k + 1u, part)], vec4f(w.y), c);
      c = fma(tile[cell(k + 2u, part)], vec4f(w.z), c);
      c = fma(tile[cell(k + 3u, part)], vec4f(w.w), c);
    }
    workgroupBarrier();
    tile[64u * half + 8u * o + part] = c;
    workgroupBarrier();
    // Gate, in registers: the compressed values lie in the tile until all threads are through.
    for (var h = 0u; h < 2u; h++) {
      let low = h == 0u;
      let column = at + 16u * h + og;
      var l = quad(weights[column + linearBias]);
      var a = quad(weights[column + amplitudeBias]);
      var r = quad(weights[column + rateBias]);
      for (var k = 0u; k < 8u; k++) {
        let x = compressed(at, k, cg);
        let place = column + 32u * k;
        l = grow(l, x, weights[place + linearKernel]);
        a = grow(a, x, weights[place + amplitudeKernel]);
        r = grow(r, x, weights[place + rateKernel]);
      }
      let z0 = l.y0 + a.y0 * exp(r.y0 * select(y4, y0, low));
      let z1 = l.y1 + a.y1 * exp(r.y1 * select(y5, y1, low));
      let z2 = l.y2 + a.y2 * exp(r.y2 * select(y6, y2, low));
      let z3 = l.y3 + a.y3 * exp(r.y3 * select(y7, y3, low));
      y0 = select(y0, z0, low);
      y1 = select(y1, z1, low);
      y2 = select(y2, z2, low);
      y3 = select(y3, z3, low);
      y4 = select(z0, y4, low);
      y5 = select(z1, y5, low);
      y6 = select(z2, y6, low);
      y7 = select(z3, y7, low);
    }
    workgroupBarrier();
    put(4u * og, cg, y0, y1, y2, y3);
    put(64u + 4u * og, cg, y4, y5, y6, y7);
    workgroupBarrier();

    // Third layer: 4 neurons x 4 coordinates a thread, and at once their part of the output.
    var q = quad(weights[at + thirdBias + og]);
    var row = at + thirdKernel + og;
    for (var k = 0u; k < 128u; k++) {
      q = grow(q, tile[cell(k, cg)], weights[row]);
      row += 16u;
    }
    let w = weights[at + outputKernel + og];
    workgroupBarrier();
    tile[8u * og + cg] = leaky(q.y0) * w.x + leaky(q.y1) * w.y + leaky(q.y2) * w.z + leaky(q.y3) * w.w;
    workgroupBarrier();
    if (local < 8u) {
      for (var g = 0u; g < 16u; g++) {
        total += tile[8u * g + local];
      }
    }
    workgroupBarrier();
  }

  if (local < 8u) {
    for (var j = 0u; j < 4u; j++) {
      store(start + 4u * local + j, total[j]);
    }
  }
}
