//! import predict/invwnn-quads, matrix/results
//! needs Half4, Sum, Group, Member, subgroupOf, laneOf, halves, floats, loadLeft, loadRight, multiplyAdd
// InvWNN (predict/invwnn) for GPUs with matrix units: the products of its second and third layer are made of halves, by
// matrix/adapter or matrix/emulated; all else is float32, above all the first layer, whose inputs are smaller than halves.
// Constants: those of the part; KEEP_VALUE, KEEP_DIFFERENCE: as in predict/invwnn-gpu.
// Grid: 1-D folded to 2-D; a group of 128 threads, four subgroups, takes 64 coordinates.
// Activations stay in one tile [neuron][coordinate] of halves, which every layer reads and, behind a barrier, overwrites.
// What comes from memory is asked for several at a time: a loop that fetches one number a turn waits for each.
// Workgroup memory: 18 KiB of activations, 8.5 of a slice of a kernel, 4 of results, or K/4 where K is 17 or more.

// Quads of coordinates from one neuron to the next, and of neurons from one step of k to the next: two more than there
// are, against bank conflicts.
const LINE_A = 18u;
const LINE_B = 34u;
var<workgroup> tileA: array<Half4, 2304>;
var<workgroup> tileB: array<Half4, 1088>;
// Besides results of subgroups, 16 coordinates x 16 neurons: inputs, compressed values, and parts of the output.
const RESULTS = max(256u, 16u * window);
// Rounds of all threads that fetch inputs.
const inputRounds = (16u * window + 127u) / 128u;

// Four coordinates x four neurons of a subgroup's result, with the neurons' biases, as four neurons.
fn neurons(rows: mat4x4f, b: vec4f) -> Quad {
  let m = transpose(rows);
  return Quad(m[0] + b.x, m[1] + b.y, m[2] + b.z, m[3] + b.w);
}

// Stores four neurons, the first of them `neuron`, of a quad of coordinates.
fn keep(q: Quad, neuron: u32, coordinate: u32) {
  let at = neuron * LINE_A + coordinate;
  tileA[at] = halves(q.y0);
  tileA[at + LINE_A] = halves(q.y1);
  tileA[at + 2u * LINE_A] = halves(q.y2);
  tileA[at + 3u * LINE_A] = halves(q.y3);
}

// Stores a result of the second layer: of 16 coordinates from quad `coordinate` on, and 16 neurons.
fn keepSum(s: Sum, subgroup: u32, lane: u32, coordinate: u32, neuron: u32, bias: u32) {
  let rows = sixteenth(s, subgroup, lane);
  if (lane < 16u) {
    let first = neuron + lane % 4u * 4u;
    keep(neurons(rows, weights[bias + first / 4u]), first, coordinate + lane / 4u);
  }
}

// A result of the third layer as its part of the output, for four coordinates.
fn partOf(s: Sum, subgroup: u32, lane: u32, bias: u32, output: u32) -> vec4f {
  let rows = sixteenth(s, subgroup, lane);
  let column = 4u * subgroup + lane % 4u;
  return part_of(neurons(rows, weights[bias + column]), weights[output + column]);
}

// Stores four of the quads of a slice of a kernel that has so many neuron quads, 128 apart from the n-th on.
fn keepSlice(v: mat4x4f, n: u32, quads: u32) {
  let at = n / quads * LINE_B + n % quads;
  let step = 128u / quads * LINE_B;
  tileB[at] = halves(v[0]);
  tileB[at + step] = halves(v[1]);
  tileB[at + 2u * step] = halves(v[2]);
  tileB[at + 3u * step] = halves(v[3]);
}

fn fourQuads(first: u32) -> mat4x4f {
  return mat4x4f(weights[first], weights[first + 128u], weights[first + 256u], weights[first + 384u]);
}

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) t: u32,
  group: Group,
  member: Member,
) {
  let hidden = groups.z - 1u; // always 0, but the driver does not know
  let start = (wid.y * groups.x + wid.x) * 64u;
  let subgroup = subgroupOf(group.id);
  let lane = laneOf(member.id);
  // A quad of coordinates, and the first of the neuron quads that the thread makes of it, eight apart.
  let cq = t % 16u;
  let og = t / 16u;
  let places = coordinates(start + 4u * cq);
  // Pre-activation of the output; only the first 16 threads use theirs.
  var total = vec4f(weights[2u * streamSize].x);
  for (var s = select(1u, 0u, KEEP_VALUE); s < select(1u, 2u, KEEP_DIFFERENCE); s++) {
    let at = s * streamSize;
    // Inputs; difference d: older minus newer, and 0 in place of the last.
    for (var round = 0u; round < inputRounds; round++) {
      let k = 8u * round + og;
      if (k < window) {
        var x = four(k, places);
        if (s == 1u) {
          x -= four(min(k + 1u, window - 1u), places);
        }
        results[16u * k + cq] = x;
      }
    }
    workgroupBarrier();
    // First layer: five steps of k at a time.
    for (var r = hidden; r < 4u; r++) {
      let column = og + 8u * r;
      var q = quad(weights[at + firstBias + column]);
      for (var fifth = hidden; fifth < (window + 4u) / 5u; fifth++) {
        for (var j = 0u; j < 5u; j++) {
          let k = 5u * fifth + j;
          if (k < window - s) {
            q = grow(q, results[16u * k + cq], weights[at + 32u * k + column]);
          }
        }
      }
      keep(bent(q, 0.3), 4u * column, cq);
    }

    // Second layer: 64 coordinates x 32 neurons a subgroup, k in slices of 32.
    var s00 = Sum();
    var s01 = Sum();
    var s10 = Sum();
    var s11 = Sum();
    var s20 = Sum();
    var s21 = Sum();
    var s30 = Sum();
    var s31 = Sum();
    for (var slice = hidden; slice < 4u; slice++) {
      let kernel = at + secondKernel + 1024u * slice + t;
      let front = fourQuads(kernel);
      let back = fourQuads(kernel + 512u);
      keepSlice(front, t, 32u);
      keepSlice(back, t + 512u, 32u);
      workgroupBarrier();
      for (var k = 16u * hidden; k < 32u; k += 16u) {
        let rows = (32u * slice + k) * LINE_A;
        let columns = k * LINE_B + 8u * subgroup;
        let b0 = loadRight(columns, lane);
        let b1 = loadRight(columns + 4u, lane);
        let a0 = loadLeft(rows, lane);
        s00 = multiplyAdd(a0, b0, s00, hidden);
        s01 = multiplyAdd(a0, b1, s01, hidden);
        let a1 = loadLeft(rows + 4u, lane);
        s10 = multiplyAdd(a1, b0, s10, hidden);
        s11 = multiplyAdd(a1, b1, s11, hidden);
        let a2 = loadLeft(rows + 8u, lane);
        s20 = multiplyAdd(a2, b0, s20, hidden);
        s21 = multiplyAdd(a2, b1, s21, hidden);
        let a3 = loadLeft(rows + 12u, lane);
        s30 = multiplyAdd(a3, b0, s30, hidden);
        s31 = multiplyAdd(a3, b1, s31, hidden);
      }
      workgroupBarrier();
    }
    let bias = at + secondBias;
    keepSum(s00, subgroup, lane, 0u, 32u * subgroup, bias);
    keepSum(s01, subgroup, lane, 0u, 32u * subgroup + 16u, bias);
    keepSum(s10, subgroup, lane, 4u, 32u * subgroup, bias);
    keepSum(s11, subgroup, lane, 4u, 32u * subgroup + 16u, bias);
    keepSum(s20, subgroup, lane, 8u, 32u * subgroup, bias);
    keepSum(s21, subgroup, lane, 8u, 32u * subgroup + 16u, bias);
    keepSum(s30, subgroup, lane, 12u, 32u * subgroup, bias);
    keepSum(s31, subgroup, lane, 12u, 32u * subgroup + 16u, bias);
    workgroupBarrier();

    // Compress: a neuron for four coordinates a thread.
    var c = vec4f(weights[at + compressBias + og / 4u][og % 4u]);
    for (var eighth = hidden; eighth < 8u; eighth++) {
      for (var j = 0u; j < 4u; j++) {
        let k = 4u * eighth + j;
        let w = weights[at + compressKernel + 32u * og + k];
        let i = 4u * k * LINE_A + cq;
        c = fma(floats(tileA[i]), vec4f(w.x), c);
        c = fma(floats(tileA[i + LINE_A]), vec4f(w.y), c);
        c = fma(floats(tileA[i + 2u * LINE_A]), vec4f(w.z), c);
        c = fma(floats(tileA[i + 3u * LINE_A]), vec4f(w.w), c);
      }
    }
    results[t] = max(vec4f(0.0), c);
    workgroupBarrier();

    // Gate: each thread overwrites what it alone reads.
    for (var r = hidden; r < 4u; r++) {
      let column = og + 8u * r;
      var l = quad(weights[at + linearBias + column]);
      var a = quad(weights[at + amplitudeBias + column]);
      var e = quad(weights[at + rateBias + column]);
      for (var fourth = hidden; fourth < 4u; fourth++) {
        for (var j = 0u; j < 2u; j++) {
          let k = 2u * fourth + j;
          let x = results[16u * k + cq];
          let place = at + 32u * k + column;
          l = grow(l, x, weights[place + linearKernel]);
          a = grow(a, x, weights[place + amplitudeKernel]);
          e = grow(e, x, weights[place + rateKernel]);
        }
      }
      let i = 4u * column * LINE_A + cq;
      let y = Quad(
        floats(tileA[i]),
        floats(tileA[i + LINE_A]),
        floats(tileA[i + 2u * LINE_A]),
        floats(tileA[i + 3u * LINE_A]),
      );
      keep(gated(l, a, e, y), 4u * column, cq);
    }

    // Third layer: 64 coordinates x 16 neurons a subgroup.
    var z0 = Sum();
    var z1 = Sum();
    var z2 = Sum();
    var z3 = Sum();
    for (var slice = hidden; slice < 4u; slice++) {
      keepSlice(fourQuads(at + thirdKernel + 512u * slice + t), t, 16u);
      workgroupBarrier();
      for (var k = 16u * hidden; k < 32u; k += 16u) {
        let rows = (32u * slice + k) * LINE_A;
        let b = loadRight(k * LINE_B + 4u * subgroup, lane);
        z0 = multiplyAdd(loadLeft(rows, lane), b, z0, hidden);
        z1 = multiplyAdd(loadLeft(rows + 4u, lane), b, z1, hidden);
        z2 = multiplyAdd(loadLeft(rows + 8u, lane), b, z2, hidden);
        z3 = multiplyAdd(loadLeft(rows + 12u, lane), b, z3, hidden);
      }
      workgroupBarrier();
    }
    let last = at + thirdBias;
    let p0 = partOf(z0, subgroup, lane, last, at + outputKernel);
    let p1 = partOf(z1, subgroup, lane, last, at + outputKernel);
    let p2 = partOf(z2, subgroup, lane, last, at + outputKernel);
    let p3 = partOf(z3, subgroup, lane, last, at + outputKernel);
    workgroupBarrier();
    if (lane < 16u) {
      let i = 16u * (4u * subgroup + lane % 4u) + lane / 4u;
      results[i] = p0;
      results[i + 4u] = p1;
      results[i + 8u] = p2;
      results[i + 12u] = p3;
    }
    workgroupBarrier();
    if (t < 16u) {
      for (var i = hidden; i < 16u; i++) {
        total += results[16u * i + t];
      }
    }
    workgroupBarrier();
  }
  if (t < 16u) {
    for (var j = 0u; j < 4u; j++) {
      store(start + 4u * t + j, total[j]);
    }
  }
}
