// InvWNN, fused, for software adapters: predicted = base + tanh(output . [stream(v), stream(d)] + bias).
//   v: history newest first; d_j = v_(j+1) - v_j;
//   stream(x) = leaky(third(gate(second(leaky(first(x)))))), leaky slope 0.3;
//   gate(x) = l + a exp(r x), with l, a, r linear maps of relu(compress(x)).
// Jang, Kim, Youn: Learning to Rewind via Iterative Prediction of Past Weights (AAAI 2025).
// Prelude: WINDOW (K, 5 to 20), BASE (0 oldest, 1 newest, 2 none), KEEP_VALUE, KEEP_DIFFERENCE: a stream
// that is not kept is a constant which the packer has added to the output bias.
// history: WINDOW slices of `stride` floats, oldest first. predicted[outFirst + i].
// Weights: four uniform pages of 64 KiB, packed by src/predict/invwnn-weights.ts ("software").
// Grid: 1-D folded to 2-D; a group takes 128 coordinates, a thread 4 (the lanes of every vec4f).
// Why this shape: lavapipe reads a uniform page at a lane-independent address with one scalar load, at
// half the cost of a storage load; a private array at a constant index is one vector load, at a
// varying index a slow gather. So each row of weights meets 128 unrolled inputs in one body.
struct Range {
  first: u32,
  count: u32,
  stride: u32,
  outFirst: u32,
}

// Everything of a stream but its 128x128 map.
struct Rest {
  // Rows 0-7: compress, rows 8-71: third; [out][in].
  rows: array<array<vec4f, 32>, 72>,
  // x: bias of that row; y: its weight in the output layer; z of the value stream's row 0: output bias.
  tail: array<vec4f, 72>,
  // [out][in] with inputs oldest first, zero-padded; the bias is the last float that WINDOW + 1 needs.
  first: array<array<vec4f, 6>, 128>,
  // linear, amplitude, rate (8 each), their biases, and the bias of the 128x128 map.
  gate: array<array<vec4f, 7>, 128>,
}

@group(0) @binding(0) var<storage, read> history: array<f32>;
@group(0) @binding(1) var<storage, read_write> predicted: array<f32>;
@group(0) @binding(2) var<uniform> range: Range;
@group(0) @binding(3) var<uniform> valueSecond: array<array<vec4f, 32>, 128>;
@group(0) @binding(4) var<uniform> valueRest: Rest;
@group(0) @binding(5) var<uniform> differenceSecond: array<array<vec4f, 32>, 128>;
@group(0) @binding(6) var<uniform> differenceRest: Rest;

const window = u32(WINDOW);
// vec4f of a first-layer row, with its bias.
const firstBlocks = (window + 4u) / 4u;

// The arrays are private to the module so that functions can share them; naga has no pointers to them.
var<private> inputs: array<vec4f, 24>;
var<private> narrow: array<vec4f, 8>;
// Output of the first layer, and of the second: the gate then works in place.
var<private> early: array<vec4f, 128>;
var<private> late: array<vec4f, 128>;

fn leaky(x: vec4f) -> vec4f {
  return max(x, 0.3 * x);
}

fn mac(sum: vec4f, w: vec4f, x0: vec4f, x1: vec4f, x2: vec4f, x3: vec4f) -> vec4f {
  return fma(x3, vec4f(w.w), fma(x2, vec4f(w.z), fma(x1, vec4f(w.y), fma(x0, vec4f(w.x), sum))));
}

fn eight(bias: f32, low: vec4f, high: vec4f) -> vec4f {
  let half = mac(vec4f(bias), low, narrow[0], narrow[1], narrow[2], narrow[3]);
  return mac(half, high, narrow[4], narrow[5], narrow[6], narrow[7]);
}

// tanh with full relative accuracy near 0, where the built-in may lose it; NaN where x is not finite,
// so that an overflow is noticed instead of saturating to a residual of 1.
fn safeTanh(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) {
    return bitcast<f32>(bits | 0x7fc00000u);
  }
  let size = abs(x);
  if (size < 0.25) {
    let s = x * x;
    return x * (1.0 + s * (-0.33333333 + s * (0.13333333 + s * (-0.053968254 + s * 0.021869488))));
  }
  return sign(x) * (1.0 - 2.0 / (exp(2.0 * min(size, 16.0)) + 1.0));
}

// The value stream's part of the output layer.
fn valueSecondRow(row: u32) -> vec4f {
  var sum = vec4f(0.0);
  sum = mac(sum, valueSecond[row][0], early[0], early[1], early[2], early[3]);
  sum = mac(sum, valueSecond[row][1], early[4], early[5], early[6], early[7]);
  sum = mac(sum, valueSecond[row][2], early[8], early[9], early[10], early[11]);
  sum = mac(sum, valueSecond[row][3], early[12], early[13], early[14], early[15]);
  sum = mac(sum, valueSecond[row][4], early[16], early[17], early[18], early[19]);
  sum = mac(sum, valueSecond[row][5], early[20], early[21], early[22], early[23]);
  sum = mac(sum, valueSecond[row][6], early[24], early[25], early[26], early[27]);
  sum = mac(sum, valueSecond[row][7], early[28], early[29], early[30], early[31]);
  sum = mac(sum, valueSecond[row][8], early[32], early[33], early[34], early[35]);
  sum = mac(sum, valueSecond[row][9], early[36], early[37], early[38], early[39]);
  sum = mac(sum, valueSecond[row][10], early[40], early[41], early[42], early[43]);
  sum = mac(sum, valueSecond[row][11], early[44], early[45], early[46], early[47]);
  sum = mac(sum, valueSecond[row][12], early[48], early[49], early[50], early[51]);
  sum = mac(sum, valueSecond[row][13], early[52], early[53], early[54], early[55]);
  sum = mac(sum, valueSecond[row][14], early[56], early[57], early[58], early[59]);
  sum = mac(sum, valueSecond[row][15], early[60], early[61], early[62], early[63]);
  sum = mac(sum, valueSecond[row][16], early[64], early[65], early[66], early[67]);
  sum = mac(sum, valueSecond[row][17], early[68], early[69], early[70], early[71]);
  sum = mac(sum, valueSecond[row][18], early[72], early[73], early[74], early[75]);
  sum = mac(sum, valueSecond[row][19], early[76], early[77], early[78], early[79]);
  sum = mac(sum, valueSecond[row][20], early[80], early[81], early[82], early[83]);
  sum = mac(sum, valueSecond[row][21], early[84], early[85], early[86], early[87]);
  sum = mac(sum, valueSecond[row][22], early[88], early[89], early[90], early[91]);
  sum = mac(sum, valueSecond[row][23], early[92], early[93], early[94], early[95]);
  sum = mac(sum, valueSecond[row][24], early[96], early[97], early[98], early[99]);
  sum = mac(sum, valueSecond[row][25], early[100], early[101], early[102], early[103]);
  sum = mac(sum, valueSecond[row][26], early[104], early[105], early[106], early[107]);
  sum = mac(sum, valueSecond[row][27], early[108], early[109], early[110], early[111]);
  sum = mac(sum, valueSecond[row][28], early[112], early[113], early[114], early[115]);
  sum = mac(sum, valueSecond[row][29], early[116], early[117], early[118], early[119]);
  sum = mac(sum, valueSecond[row][30], early[120], early[121], early[122], early[123]);
  sum = mac(sum, valueSecond[row][31], early[124], early[125], early[126], early[127]);
  return sum;
}

fn valueRestRow(row: u32) -> vec4f {
  var sum = vec4f(0.0);
  sum = mac(sum, valueRest.rows[row][0], late[0], late[1], late[2], late[3]);
  sum = mac(sum, valueRest.rows[row][1], late[4], late[5], late[6], late[7]);
  sum = mac(sum, valueRest.rows[row][2], late[8], late[9], late[10], late[11]);
  sum = mac(sum, valueRest.rows[row][3], late[12], late[13], late[14], late[15]);
  sum = mac(sum, valueRest.rows[row][4], late[16], late[17], late[18], late[19]);
  sum = mac(sum, valueRest.rows[row][5], late[20], late[21], late[22], late[23]);
  sum = mac(sum, valueRest.rows[row][6], late[24], late[25], late[26], late[27]);
  sum = mac(sum, valueRest.rows[row][7], late[28], late[29], late[30], late[31]);
  sum = mac(sum, valueRest.rows[row][8], late[32], late[33], late[34], late[35]);
  sum = mac(sum, valueRest.rows[row][9], late[36], late[37], late[38], late[39]);
  sum = mac(sum, valueRest.rows[row][10], late[40], late[41], late[42], late[43]);
  sum = mac(sum, valueRest.rows[row][11], late[44], late[45], late[46], late[47]);
  sum = mac(sum, valueRest.rows[row][12], late[48], late[49], late[50], late[51]);
  sum = mac(sum, valueRest.rows[row][13], late[52], late[53], late[54], late[55]);
  sum = mac(sum, valueRest.rows[row][14], late[56], late[57], late[58], late[59]);
  sum = mac(sum, valueRest.rows[row][15], late[60], late[61], late[62], late[63]);
  sum = mac(sum, valueRest.rows[row][16], late[64], late[65], late[66], late[67]);
  sum = mac(sum, valueRest.rows[row][17], late[68], late[69], late[70], late[71]);
  sum = mac(sum, valueRest.rows[row][18], late[72], late[73], late[74], late[75]);
  sum = mac(sum, valueRest.rows[row][19], late[76], late[77], late[78], late[79]);
  sum = mac(sum, valueRest.rows[row][20], late[80], late[81], late[82], late[83]);
  sum = mac(sum, valueRest.rows[row][21], late[84], late[85], late[86], late[87]);
  sum = mac(sum, valueRest.rows[row][22], late[88], late[89], late[90], late[91]);
  sum = mac(sum, valueRest.rows[row][23], late[92], late[93], late[94], late[95]);
  sum = mac(sum, valueRest.rows[row][24], late[96], late[97], late[98], late[99]);
  sum = mac(sum, valueRest.rows[row][25], late[100], late[101], late[102], late[103]);
  sum = mac(sum, valueRest.rows[row][26], late[104], late[105], late[106], late[107]);
  sum = mac(sum, valueRest.rows[row][27], late[108], late[109], late[110], late[111]);
  sum = mac(sum, valueRest.rows[row][28], late[112], late[113], late[114], late[115]);
  sum = mac(sum, valueRest.rows[row][29], late[116], late[117], late[118], late[119]);
  sum = mac(sum, valueRest.rows[row][30], late[120], late[121], late[122], late[123]);
  sum = mac(sum, valueRest.rows[row][31], late[124], late[125], late[126], late[127]);
  return sum;
}

fn valueStream() -> vec4f {
  // The bias slot of `inputs` holds 1.
  for (var o = 0u; o < 128u; o++) {
    var sum = vec4f(0.0);
    if (firstBlocks > 0u) {
      sum = mac(sum, valueRest.first[o][0], inputs[0], inputs[1], inputs[2], inputs[3]);
    }
    if (firstBlocks > 1u) {
      sum = mac(sum, valueRest.first[o][1], inputs[4], inputs[5], inputs[6], inputs[7]);
    }
    if (firstBlocks > 2u) {
      sum = mac(sum, valueRest.first[o][2], inputs[8], inputs[9], inputs[10], inputs[11]);
    }
    if (firstBlocks > 3u) {
      sum = mac(sum, valueRest.first[o][3], inputs[12], inputs[13], inputs[14], inputs[15]);
    }
    if (firstBlocks > 4u) {
      sum = mac(sum, valueRest.first[o][4], inputs[16], inputs[17], inputs[18], inputs[19]);
    }
    if (firstBlocks > 5u) {
      sum = mac(sum, valueRest.first[o][5], inputs[20], inputs[21], inputs[22], inputs[23]);
    }
    early[o] = leaky(sum);
  }
  for (var o = 0u; o < 128u; o++) {
    late[o] = valueSecondRow(o) + valueRest.gate[o][6].w;
  }
  var output = vec4f(0.0);
  // Compress, then gate and third: one loop, because a second copy of the row body doubles compilation.
  for (var phase = 0u; phase < 2u; phase++) {
    if (phase == 1u) {
      for (var o = 0u; o < 128u; o++) {
        let biases = valueRest.gate[o][6];
        let l = eight(biases.x, valueRest.gate[o][0], valueRest.gate[o][1]);
        let a = eight(biases.y, valueRest.gate[o][2], valueRest.gate[o][3]);
        let r = eight(biases.z, valueRest.gate[o][4], valueRest.gate[o][5]);
        late[o] = l + a * exp(r * late[o]);
      }
    }
    let end = 8u + 64u * phase;
    for (var row = 8u * phase; row < end; row++) {
      let tail = valueRest.tail[row];
      let sum = valueRestRow(row) + tail.x;
      // In the third layer `narrow` is done with; in compress the packer's tail.y is 0.
      narrow[row & 7u] = max(sum, vec4f(0.0));
      output += tail.y * leaky(sum);
    }
  }
  return output;
}

// The difference stream's part of the output layer.
fn differenceSecondRow(row: u32) -> vec4f {
  var sum = vec4f(0.0);
  sum = mac(sum, differenceSecond[row][0], early[0], early[1], early[2], early[3]);
  sum = mac(sum, differenceSecond[row][1], early[4], early[5], early[6], early[7]);
  sum = mac(sum, differenceSecond[row][2], early[8], early[9], early[10], early[11]);
  sum = mac(sum, differenceSecond[row][3], early[12], early[13], early[14], early[15]);
  sum = mac(sum, differenceSecond[row][4], early[16], early[17], early[18], early[19]);
  sum = mac(sum, differenceSecond[row][5], early[20], early[21], early[22], early[23]);
  sum = mac(sum, differenceSecond[row][6], early[24], early[25], early[26], early[27]);
  sum = mac(sum, differenceSecond[row][7], early[28], early[29], early[30], early[31]);
  sum = mac(sum, differenceSecond[row][8], early[32], early[33], early[34], early[35]);
  sum = mac(sum, differenceSecond[row][9], early[36], early[37], early[38], early[39]);
  sum = mac(sum, differenceSecond[row][10], early[40], early[41], early[42], early[43]);
  sum = mac(sum, differenceSecond[row][11], early[44], early[45], early[46], early[47]);
  sum = mac(sum, differenceSecond[row][12], early[48], early[49], early[50], early[51]);
  sum = mac(sum, differenceSecond[row][13], early[52], early[53], early[54], early[55]);
  sum = mac(sum, differenceSecond[row][14], early[56], early[57], early[58], early[59]);
  sum = mac(sum, differenceSecond[row][15], early[60], early[61], early[62], early[63]);
  sum = mac(sum, differenceSecond[row][16], early[64], early[65], early[66], early[67]);
  sum = mac(sum, differenceSecond[row][17], early[68], early[69], early[70], early[71]);
  sum = mac(sum, differenceSecond[row][18], early[72], early[73], early[74], early[75]);
  sum = mac(sum, differenceSecond[row][19], early[76], early[77], early[78], early[79]);
  sum = mac(sum, differenceSecond[row][20], early[80], early[81], early[82], early[83]);
  sum = mac(sum, differenceSecond[row][21], early[84], early[85], early[86], early[87]);
  sum = mac(sum, differenceSecond[row][22], early[88], early[89], early[90], early[91]);
  sum = mac(sum, differenceSecond[row][23], early[92], early[93], early[94], early[95]);
  sum = mac(sum, differenceSecond[row][24], early[96], early[97], early[98], early[99]);
  sum = mac(sum, differenceSecond[row][25], early[100], early[101], early[102], early[103]);
  sum = mac(sum, differenceSecond[row][26], early[104], early[105], early[106], early[107]);
  sum = mac(sum, differenceSecond[row][27], early[108], early[109], early[110], early[111]);
  sum = mac(sum, differenceSecond[row][28], early[112], early[113], early[114], early[115]);
  sum = mac(sum, differenceSecond[row][29], early[116], early[117], early[118], early[119]);
  sum = mac(sum, differenceSecond[row][30], early[120], early[121], early[122], early[123]);
  sum = mac(sum, differenceSecond[row][31], early[124], early[125], early[126], early[127]);
  return sum;
}

fn differenceRestRow(row: u32) -> vec4f {
  var sum = vec4f(0.0);
  sum = mac(sum, differenceRest.rows[row][0], late[0], late[1], late[2], late[3]);
  sum = mac(sum, differenceRest.rows[row][1], late[4], late[5], late[6], late[7]);
  sum = mac(sum, differenceRest.rows[row][2], late[8], late[9], late[10], late[11]);
  sum = mac(sum, differenceRest.rows[row][3], late[12], late[13], late[14], late[15]);
  sum = mac(sum, differenceRest.rows[row][4], late[16], late[17], late[18], late[19]);
  sum = mac(sum, differenceRest.rows[row][5], late[20], late[21], late[22], late[23]);
  sum = mac(sum, differenceRest.rows[row][6], late[24], late[25], late[26], late[27]);
  sum = mac(sum, differenceRest.rows[row][7], late[28], late[29], late[30], late[31]);
  sum = mac(sum, differenceRest.rows[row][8], late[32], late[33], late[34], late[35]);
  sum = mac(sum, differenceRest.rows[row][9], late[36], late[37], late[38], late[39]);
  sum = mac(sum, differenceRest.rows[row][10], late[40], late[41], late[42], late[43]);
  sum = mac(sum, differenceRest.rows[row][11], late[44], late[45], late[46], late[47]);
  sum = mac(sum, differenceRest.rows[row][12], late[48], late[49], late[50], late[51]);
  sum = mac(sum, differenceRest.rows[row][13], late[52], late[53], late[54], late[55]);
  sum = mac(sum, differenceRest.rows[row][14], late[56], late[57], late[58], late[59]);
  sum = mac(sum, differenceRest.rows[row][15], late[60], late[61], late[62], late[63]);
  sum = mac(sum, differenceRest.rows[row][16], late[64], late[65], late[66], late[67]);
  sum = mac(sum, differenceRest.rows[row][17], late[68], late[69], late[70], late[71]);
  sum = mac(sum, differenceRest.rows[row][18], late[72], late[73], late[74], late[75]);
  sum = mac(sum, differenceRest.rows[row][19], late[76], late[77], late[78], late[79]);
  sum = mac(sum, differenceRest.rows[row][20], late[80], late[81], late[82], late[83]);
  sum = mac(sum, differenceRest.rows[row][21], late[84], late[85], late[86], late[87]);
  sum = mac(sum, differenceRest.rows[row][22], late[88], late[89], late[90], late[91]);
  sum = mac(sum, differenceRest.rows[row][23], late[92], late[93], late[94], late[95]);
  sum = mac(sum, differenceRest.rows[row][24], late[96], late[97], late[98], late[99]);
  sum = mac(sum, differenceRest.rows[row][25], late[100], late[101], late[102], late[103]);
  sum = mac(sum, differenceRest.rows[row][26], late[104], late[105], late[106], late[107]);
  sum = mac(sum, differenceRest.rows[row][27], late[108], late[109], late[110], late[111]);
  sum = mac(sum, differenceRest.rows[row][28], late[112], late[113], late[114], late[115]);
  sum = mac(sum, differenceRest.rows[row][29], late[116], late[117], late[118], late[119]);
  sum = mac(sum, differenceRest.rows[row][30], late[120], late[121], late[122], late[123]);
  sum = mac(sum, differenceRest.rows[row][31], late[124], late[125], late[126], late[127]);
  return sum;
}

fn differenceStream() -> vec4f {
  // The bias slot of `inputs` holds 1.
  for (var o = 0u; o < 128u; o++) {
    var sum = vec4f(0.0);
    if (firstBlocks > 0u) {
      sum = mac(sum, differenceRest.first[o][0], inputs[0], inputs[1], inputs[2], inputs[3]);
    }
    if (firstBlocks > 1u) {
      sum = mac(sum, differenceRest.first[o][1], inputs[4], inputs[5], inputs[6], inputs[7]);
    }
    if (firstBlocks > 2u) {
      sum = mac(sum, differenceRest.first[o][2], inputs[8], inputs[9], inputs[10], inputs[11]);
    }
    if (firstBlocks > 3u) {
      sum = mac(sum, differenceRest.first[o][3], inputs[12], inputs[13], inputs[14], inputs[15]);
    }
    if (firstBlocks > 4u) {
      sum = mac(sum, differenceRest.first[o][4], inputs[16], inputs[17], inputs[18], inputs[19]);
    }
    if (firstBlocks > 5u) {
      sum = mac(sum, differenceRest.first[o][5], inputs[20], inputs[21], inputs[22], inputs[23]);
    }
    early[o] = leaky(sum);
  }
  for (var o = 0u; o < 128u; o++) {
    late[o] = differenceSecondRow(o) + differenceRest.gate[o][6].w;
  }
  var output = vec4f(0.0);
  // Compress, then gate and third: one loop, because a second copy of the row body doubles compilation.
  for (var phase = 0u; phase < 2u; phase++) {
    if (phase == 1u) {
      for (var o = 0u; o < 128u; o++) {
        let biases = differenceRest.gate[o][6];
        let l = eight(biases.x, differenceRest.gate[o][0], differenceRest.gate[o][1]);
        let a = eight(biases.y, differenceRest.gate[o][2], differenceRest.gate[o][3]);
        let r = eight(biases.z, differenceRest.gate[o][4], differenceRest.gate[o][5]);
        late[o] = l + a * exp(r * late[o]);
      }
    }
    let end = 8u + 64u * phase;
    for (var row = 8u * phase; row < end; row++) {
      let tail = differenceRest.tail[row];
      let sum = differenceRestRow(row) + tail.x;
      // In the third layer `narrow` is done with; in compress the packer's tail.y is 0.
      narrow[row & 7u] = max(sum, vec4f(0.0));
      output += tail.y * leaky(sum);
    }
  }
  return output;
}

fn snapshot(k: u32, at: vec4u) -> vec4f {
  let slice = k * range.stride;
  return vec4f(history[slice + at.x], history[slice + at.y], history[slice + at.z], history[slice + at.w]);
}

fn store(i: u32, base: f32, sum: f32) {
  if (i < range.count) {
    predicted[range.outFirst + i] = base + safeTanh(sum);
  }
}

@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = 4u * ((wid.y * groups.x + wid.x) * 32u + local);
  // Past the end a thread repeats the last coordinate: an early return would make every load masked.
  let at = range.first + min(vec4u(i, i + 1u, i + 2u, i + 3u), vec4u(range.count - 1u));
  for (var k = 0u; k < window; k++) {
    inputs[k] = snapshot(k, at);
  }
  for (var k = window; k < 24u; k++) {
    inputs[k] = vec4f(1.0);
  }
  var base = vec4f(0.0);
  if (BASE == 0) {
    base = inputs[0];
  } else if (BASE == 1) {
    base = inputs[window - 1u];
  }
  var sum = vec4f(valueRest.tail[0].z);
  if (KEEP_VALUE) {
    sum += valueStream();
  }
  if (KEEP_DIFFERENCE) {
    // d_j = v_(j+1) - v_j with v newest first: older minus newer.
    for (var k = 0u; k + 1u < window; k++) {
      inputs[k] = inputs[k] - inputs[k + 1u];
    }
    sum += differenceStream();
  }
  store(i, base.x, sum.x);
  store(i + 1u, base.y, sum.y);
  store(i + 2u, base.z, sum.z);
  store(i + 3u, base.w, sum.w);
}
