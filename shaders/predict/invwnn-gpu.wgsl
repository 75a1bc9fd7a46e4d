//! import predict/invwnn-quads
// InvWNN (predict/invwnn) for GPUs. Constants: those of the part; KEEP_VALUE, KEEP_DIFFERENCE: a stream that is
// not kept is a constant which the packer has added to the output bias; WG threads of a group: 32, 64 or 128.
// Grid: 1-D folded to 2-D; a group takes half as many coordinates as it has threads.
// Activations stay in one tile [neuron][coordinate], which every layer reads and, behind a barrier, overwrites. A
// thread makes 8 neurons (og, og + 16 in vec4f) x 8 coordinates (cg, cg + ACROSS / 2 in vec4f): 64 multiply-adds for
// four vec4f of workgroup memory. The kernels of the large layers come there in slices: while the threads multiply
// one, the next is on its way in registers. The streams run one after the other because their halves of the output layer
// are separate sums. Every sum is one chain in order, whatever WG.
// Workgroup memory: 256 WG bytes of activations and 128 WG of slices: 12, 24 or 48 KiB.
const_assert WG == 32 || WG == 64 || WG == 128;

const COORDINATES = u32(WG) / 2u;

// Coordinate quads of a group.
const ACROSS = COORDINATES / 4u;

// Steps of k of a slice of a kernel with 128 columns: as many vec4f as four a thread. A slice of the third layer, which has
// half of the columns, has twice as many.
const STEPS = ACROSS;
const SLICE = 4u * u32(WG);

// Four coordinates of a neuron each: coordinates 4 c .. 4 c + 3 of neuron n lie at ACROSS n + (c ^ (n / 4)) % ACROSS.
// Threads of a warp write neurons 4 apart: without the exclusive-or all would hit the same banks. Indices are made in
// `main` of the thread's number, constants and loop variables: where a compiler can prove them to be inside, it adds no
// clamp.
var<workgroup> tile: array<vec4f, 128u * ACROSS>;

// Two slices of a kernel: the one that is multiplied, and the next.
var<workgroup> slices: array<vec4f, 2u * SLICE>;

// Rows of inputs in the tile: up to the end of the last slice.
const inputRows = (window + STEPS - 1u) / STEPS * STEPS;
// Rounds of all threads that fetch them.
const inputRounds = (inputRows * ACROSS + u32(WG) - 1u) / u32(WG);

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let local = index % u32(WG); // all of it, but so a compiler knows the range of indices
  let hidden = groups.z - 1u; // always 0, but the driver does not know: it unrolls only four steps, and no layer
  let start = (wid.y * groups.x + wid.x) * COORDINATES;
  let og = local % 16u;
  let cg = local / 16u;
  let dg = cg + ACROSS / 2u;
  // Where this thread's neurons 4 og .. 4 og + 3 lie, ACROSS apart; 64 + 4 og .. 64 + 4 og + 3 lie `behind` them.
  let near = 4u * ACROSS * og + (cg ^ og) % ACROSS;
  let far = 4u * ACROSS * og + (dg ^ og) % ACROSS;
  const behind = 64u * ACROSS;
  // Pre-activation of the output; only the first ACROSS threads use theirs, for coordinates 4 local + 0..3.
  var total = vec4f(weights[2u * streamSize].x);

  for (var s = select(1u, 0u, KEEP_VALUE); s < select(1u, 2u, KEEP_DIFFERENCE); s++) {
    let at = s * streamSize;

    // Inputs, oldest first as the first kernel is packed; difference d: older minus newer. Rows past them are 0.
    for (var round = 0u; round < inputRounds; round++) {
      let n = u32(WG) * round + local;
      let k = n / ACROSS;
      if (k < inputRows) {
        var x = vec4f();
        if (k < window - s) {
          let where_at = coordinates(start + 4u * (n % ACROSS));
          x = four(k, where_at);
          if (s == 1u) {
            x -= four(k + 1u, where_at);
          }
        }
        tile[k * ACROSS + (n ^ (k / 4u)) % ACROSS] = x;
      }
    }

    // First and second layer: the same loop over different weights. Low and high neurons of the near and far
    // coordinates.
    var a0 = Quad();
    var a1 = Quad();
    var b0 = Quad();
    var b1 = Quad();
    for (var layer = hidden; layer < 2u; layer++) {
      let second = layer == 1u;
      let bias = at + select(firstBias, secondBias, second);
      a0 = quad(weights[bias + og]);
      a1 = quad(weights[bias + 16u + og]);
      b0 = a0;
      b1 = a1;
      let kernel = at + select(0u, secondKernel, second) + local;
      let rounds = select(inputRows / STEPS, 128u / STEPS, second);
      slices[local] = weights[kernel];
      slices[local + u32(WG)] = weights[kernel + u32(WG)];
      slices[local + 2u * u32(WG)] = weights[kernel + 2u * u32(WG)];
      slices[local + 3u * u32(WG)] = weights[kernel + 3u * u32(WG)];
      workgroupBarrier();
      for (var round = 0u; round < 128u / STEPS; round++) {
        if (round >= rounds) {
          break;
        }
        // Past the last slice the first of what follows is fetched, and not used.
        let next = kernel + (round + 1u) * SLICE;
        let n0 = weights[next];
        let n1 = weights[next + u32(WG)];
        let n2 = weights[next + 2u * u32(WG)];
        let n3 = weights[next + 3u * u32(WG)];
        let slice = round % 2u * SLICE + og;
        for (var fourth = hidden; fourth < STEPS / 4u; fourth++) {
          let n = round * (STEPS / 4u) + fourth % (STEPS / 4u);
          let nearest = 4u * ACROSS * n + (cg ^ n) % ACROSS;
          let farthest = 4u * ACROSS * n + (dg ^ n) % ACROSS;
          let column = slice + 128u * (fourth % (STEPS / 4u));
          for (var j = 0u; j < 4u; j++) {
            let x = tile[nearest + ACROSS * j];
            let y = tile[farthest + ACROSS * j];
            let v = slices[column + 32u * j];
            let w = slices[column + 32u * j + 16u];
            a0 = grow(a0, x, v);
            a1 = grow(a1, x, w);
            b0 = grow(b0, y, v);
            b1 = grow(b1, y, w);
          }
        }
        let free = (round + 1u) % 2u * SLICE + local;
        slices[free] = n0;
        slices[free + u32(WG)] = n1;
        slices[free + 2u * u32(WG)] = n2;
        slices[free + 3u * u32(WG)] = n3;
        workgroupBarrier();
      }
      // The second layer is linear; its values also stay in registers for the gate.
      let slope = select(0.3, 1.0, second);
      let nearLow = bent(a0, slope);
      let nearHigh = bent(a1, slope);
      let farLow = bent(b0, slope);
      let farHigh = bent(b1, slope);
      tile[near] = nearLow.y0;
      tile[near + ACROSS] = nearLow.y1;
      tile[near + 2u * ACROSS] = nearLow.y2;
      tile[near + 3u * ACROSS] = nearLow.y3;
      tile[near + behind] = nearHigh.y0;
      tile[near + behind + ACROSS] = nearHigh.y1;
      tile[near + behind + 2u * ACROSS] = nearHigh.y2;
      tile[near + behind + 3u * ACROSS] = nearHigh.y3;
      tile[far] = farLow.y0;
      tile[far + ACROSS] = farLow.y1;
      tile[far + 2u * ACROSS] = farLow.y2;
      tile[far + 3u * ACROSS] = farLow.y3;
      tile[far + behind] = farHigh.y0;
      tile[far + behind + ACROSS] = farHigh.y1;
      tile[far + behind + 2u * ACROSS] = farHigh.y2;
      tile[far + behind + 3u * ACROSS] = farHigh.y3;
      workgroupBarrier();
    }

    // Compress: 8 neurons x ACROSS vec4f of coordinates, a thread each, as the sums of two halves of the inputs.
    let o = local / ACROSS;
    let part = local % ACROSS;
    var c = vec4f();
    var d = vec4f();
    for (var k = hidden; k < 16u; k++) {
      let v = weights[at + compressKernel + 32u * o + k];
      let w = weights[at + compressKernel + 32u * o + 16u + k];
      let first = 4u * ACROSS * (k % 16u) + (part ^ k) % ACROSS;
      let last = first + behind;
      c = fma(tile[first], vec4f(v.x), c);
      d = fma(tile[last], vec4f(w.x), d);
      c = fma(tile[first + ACROSS], vec4f(v.y), c);
      d = fma(tile[last + ACROSS], vec4f(w.y), d);
      c = fma(tile[first + 2u * ACROSS], vec4f(v.z), c);
      d = fma(tile[last + 2u * ACROSS], vec4f(w.z), d);
      c = fma(tile[first + 3u * ACROSS], vec4f(v.w), c);
      d = fma(tile[last + 3u * ACROSS], vec4f(w.w), d);
    }
    let compressed = max(vec4f(0.0), c + d + weights[at + compressBias + o / 4u][o % 4u]);
    workgroupBarrier();
    tile[local] = compressed;
    workgroupBarrier();
    // Gate, in registers: the compressed values lie in the tile until all threads are through. First the low neurons of
    // both coordinates, then, exchanged with them, the high ones.
    for (var h = hidden; h < 2u; h++) {
      let column = at + 16u * h + og;
      var l = quad(weights[column + linearBias]);
      var a = quad(weights[column + amplitudeBias]);
      var r = quad(weights[column + rateBias]);
      var m = l;
      var b = a;
      var t = r;
      for (var k = hidden; k < 8u; k++) {
        let x = tile[ACROSS * (k % 8u) + cg];
        let y = tile[ACROSS * (k % 8u) + dg];
        let place = column + 32u * k;
        let toLinear = weights[place + linearKernel];
        let toAmplitude = weights[place + amplitudeKernel];
        let toRate = weights[place + rateKernel];
        l = grow(l, x, toLinear);
        m = grow(m, y, toLinear);
        a = grow(a, x, toAmplitude);
        b = grow(b, y, toAmplitude);
        r = grow(r, x, toRate);
        t = grow(t, y, toRate);
      }
      let x = gated(l, a, r, a0);
      let y = gated(m, b, t, b0);
      a0 = a1;
      b0 = b1;
      a1 = x;
      b1 = y;
    }
    workgroupBarrier();
    tile[near] = a0.y0;
    tile[near + ACROSS] = a0.y1;
    tile[near + 2u * ACROSS] = a0.y2;
    tile[near + 3u * ACROSS] = a0.y3;
    tile[near + behind] = a1.y0;
    tile[near + behind + ACROSS] = a1.y1;
    tile[near + behind + 2u * ACROSS] = a1.y2;
    tile[near + behind + 3u * ACROSS] = a1.y3;
    tile[far] = b0.y0;
    tile[far + ACROSS] = b0.y1;
    tile[far + 2u * ACROSS] = b0.y2;
    tile[far + 3u * ACROSS] = b0.y3;
    tile[far + behind] = b1.y0;
    tile[far + behind + ACROSS] = b1.y1;
    tile[far + behind + 2u * ACROSS] = b1.y2;
    tile[far + behind + 3u * ACROSS] = b1.y3;

    // Third layer: 4 neurons x 8 coordinates a thread, and at once their part of the output.
    var p = quad(weights[at + thirdBias + og]);
    var q = p;
    let kernel = at + thirdKernel + local;
    slices[local] = weights[kernel];
    slices[local + u32(WG)] = weights[kernel + u32(WG)];
    slices[local + 2u * u32(WG)] = weights[kernel + 2u * u32(WG)];
    slices[local + 3u * u32(WG)] = weights[kernel + 3u * u32(WG)];
    workgroupBarrier();
    for (var round = 0u; round < 64u / STEPS; round++) {
      let next = kernel + (round + 1u) * SLICE;
      let n0 = weights[next];
      let n1 = weights[next + u32(WG)];
      let n2 = weights[next + 2u * u32(WG)];
      let n3 = weights[next + 3u * u32(WG)];
      let slice = round % 2u * SLICE + og;
      for (var fourth = hidden; fourth < STEPS / 2u; fourth++) {
        let n = round * (STEPS / 2u) + fourth % (STEPS / 2u);
        let nearest = 4u * ACROSS * n + (cg ^ n) % ACROSS;
        let farthest = 4u * ACROSS * n + (dg ^ n) % ACROSS;
        let column = slice + 64u * (fourth % (STEPS / 2u));
        for (var j = 0u; j < 4u; j++) {
          let w = slices[column + 16u * j];
          p = grow(p, tile[nearest + ACROSS * j], w);
          q = grow(q, tile[farthest + ACROSS * j], w);
        }
      }
      let free = (round + 1u) % 2u * SLICE + local;
      slices[free] = n0;
      slices[free + u32(WG)] = n1;
      slices[free + 2u * u32(WG)] = n2;
      slices[free + 3u * u32(WG)] = n3;
      workgroupBarrier();
    }
    let w = weights[at + outputKernel + og];
    tile[ACROSS * og + cg] = part_of(p, w);
    tile[ACROSS * og + dg] = part_of(q, w);
    workgroupBarrier();
    if (local < ACROSS) {
      for (var g = 0u; g < 16u; g++) {
        total += tile[ACROSS * g + local];
      }
    }
    workgroupBarrier();
  }

  if (local < ACROSS) {
    for (var j = 0u; j < 4u; j++) {
      store(start + 4u * local + j, total[j]);
    }
  }
}
