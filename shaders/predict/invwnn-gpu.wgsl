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

// Four coordinates of a neuron each: coordinates 4 c .. 4 c + 3 of neuron n lie at 8 n + (c ^ (n / 4)) % 8. Threads
// of a warp write neurons 4 apart: without the exclusive-or all would hit the same banks. Indices are made in `main` of
// the thread's number, constants and loop variables: where a compiler can prove them to be inside, it adds no clamp.
var<workgroup> tile: array<vec4f, 1024>;

// Rounds of 128 threads that fetch the inputs.
const inputRounds = (window * 8u + 127u) / 128u;

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

fn bent(q: Quad, slope: f32) -> Quad {
  return Quad(max(q.y0, slope * q.y0), max(q.y1, slope * q.y1), max(q.y2, slope * q.y2), max(q.y3, slope * q.y3));
}

fn gated(l: Quad, a: Quad, r: Quad, y: Quad) -> Quad {
  return Quad(
    l.y0 + a.y0 * exp(r.y0 * y.y0),
    l.y1 + a.y1 * exp(r.y1 * y.y1),
    l.y2 + a.y2 * exp(r.y2 * y.y2),
    l.y3 + a.y3 * exp(r.y3 * y.y3),
  );
}

fn choose(no: Quad, yes: Quad, which: bool) -> Quad {
  return Quad(
    select(no.y0, yes.y0, which),
    select(no.y1, yes.y1, which),
    select(no.y2, yes.y2, which),
    select(no.y3, yes.y3, which),
  );
}

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (wid.y * groups.x + wid.x) * 32u;
  let og = local % 16u;
  let cg = local / 16u;
  // Where this thread's neurons 4 og .. 4 og + 3 lie, 8 apart; 64 + 4 og .. 64 + 4 og + 3 lie 512 behind.
  let own = 32u * og + (cg ^ og) % 8u;
  // Pre-activation of the output; only the first 8 threads use theirs, for coordinates 4 local + 0..3.
  var total = vec4f(weights[2u * streamSize].x);

  for (var s = select(1u, 0u, KEEP_VALUE); s < select(1u, 2u, KEEP_DIFFERENCE); s++) {
    let at = s * streamSize;

    // Inputs, oldest first as the first kernel is packed; difference d: older minus newer.
    for (var round = 0u; round < inputRounds; round++) {
      let n = 128u * round + local;
      let k = n / 8u;
      if (k < window - s) {
        let at = coordinates(start + 4u * (n % 8u));
        var x = four(k, at);
        if (s == 1u) {
          x -= four(k + 1u, at);
        }
        tile[8u * k + (n ^ (k / 4u)) % 8u] = x;
      }
    }
    workgroupBarrier();

    // First and second layer: the same loop over different weights.
    var low = Quad();
    var high = Quad();
    for (var layer = 0u; layer < 2u; layer++) {
      let second = layer == 1u;
      let bias = at + select(firstBias, secondBias, second);
      low = quad(weights[bias + og]);
      high = quad(weights[bias + 16u + og]);
      let row = at + select(0u, secondKernel, second) + og;
      let depth = select(window - s, 128u, second);
      for (var k = 0u; k < 128u; k++) {
        if (k >= depth) {
          break;
        }
        let x = tile[8u * k + (cg ^ (k / 4u)) % 8u];
        low = grow(low, x, weights[row + 32u * k]);
        high = grow(high, x, weights[row + 32u * k + 16u]);
      }
      workgroupBarrier();
      // The second layer is linear; its values also stay in registers for the gate.
      let slope = select(0.3, 1.0, second);
      let lowest = bent(low, slope);
      let highest = bent(high, slope);
      tile[own] = lowest.y0;
      tile[own + 8u] = lowest.y1;
      tile[own + 16u] = lowest.y2;
      tile[own + 24u] = lowest.y3;
      tile[own + 512u] = highest.y0;
      tile[own + 520u] = highest.y1;
      tile[own + 528u] = highest.y2;
      tile[own + 536u] = highest.y3;
      workgroupBarrier();
    }

    // Compress: 8 neurons x 8 vec4f of coordinates x 2 halves of the inputs.
    let half = local / 64u;
    let o = local / 8u % 8u;
    let part = local % 8u;
    var c = vec4f(0.0);
    for (var k = 0u; k < 16u; k++) {
      let w = weights[at + compressKernel + 32u * o + 16u * half + k];
      let first = 512u * half + 32u * k + (part ^ k) % 8u;
      c = fma(tile[first], vec4f(w.x), c);
      c = fma(tile[first + 8u], vec4f(w.y), c);
      c = fma(tile[first + 16u], vec4f(w.z), c);
      c = fma(tile[first + 24u], vec4f(w.w), c);
    }
    workgroupBarrier();
    tile[64u * half + 8u * o + part] = c;
    workgroupBarrier();
    // Gate, in registers: the compressed values lie in the tile until all threads are through.
    for (var h = 0u; h < 2u; h++) {
      let column = at + 16u * h + og;
      var l = quad(weights[column + linearBias]);
      var a = quad(weights[column + amplitudeBias]);
      var r = quad(weights[column + rateBias]);
      for (var k = 0u; k < 8u; k++) {
        let bias = weights[at + compressBias + k / 4u][k % 4u];
        let x = max(vec4f(0.0), tile[8u * k + cg] + tile[64u + 8u * k + cg] + bias);
        let place = column + 32u * k;
        l = grow(l, x, weights[place + linearKernel]);
        a = grow(a, x, weights[place + amplitudeKernel]);
        r = grow(r, x, weights[place + rateKernel]);
      }
      let z = gated(l, a, r, choose(high, low, h == 0u));
      low = choose(low, z, h == 0u);
      high = choose(z, high, h == 0u);
    }
    workgroupBarrier();
    tile[own] = low.y0;
    tile[own + 8u] = low.y1;
    tile[own + 16u] = low.y2;
    tile[own + 24u] = low.y3;
    tile[own + 512u] = high.y0;
    tile[own + 520u] = high.y1;
    tile[own + 528u] = high.y2;
    tile[own + 536u] = high.y3;
    workgroupBarrier();

    // Third layer: 4 neurons x 4 coordinates a thread, and at once their part of the output.
    var q = quad(weights[at + thirdBias + og]);
    for (var k = 0u; k < 128u; k++) {
      q = grow(q, tile[8u * k + (cg ^ (k / 4u)) % 8u], weights[at + thirdKernel + og + 16u * k]);
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
