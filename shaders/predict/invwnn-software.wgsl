//! import predict/invwnn, walk/rolled
// One stream of an InvWNN (predict/invwnn) for software adapters. A launch a stream: the first writes its part
// of the output before tanh to `predicted`, the last adds its own and finishes.
// Constants: those of the part. A stream that is never launched is a constant which the packer has added to the
// output bias.
// second, rest: two uniform pages of 64 KiB, packed for "software"; role: which stream it is, so that one compiled
// kernel serves all.
// Grid: 1-D folded to 2-D; a group takes 128 coordinates, a thread 4 (the lanes of every vec4f).
// Why this shape: lavapipe reads a uniform page at a lane-independent address with one scalar load, at
// half the cost of a storage load; a private array at a constant index is one vector load, at a
// varying index a slow gather. So each row of weights meets 128 unrolled inputs in one body. The loops around stay
// loops (walk/rolled): the driver would unroll the short ones.

// Everything of a stream but its 128x128 map.
struct Rest {
  // Rows 0-7: compress, rows 8-71: third; [out][in].
  rows: array<array<vec4f, 32>, 72>,
  // x: bias of that row; y: its weight in the output layer; z of row 0: output bias.
  tail: array<vec4f, 72>,
  // [out][in] with inputs oldest first, zero-padded; the bias is the last float that WINDOW + 1 needs.
  first: array<array<vec4f, 6>, 128>,
  // linear, amplitude, rate (8 each), their biases, and the bias of the 128x128 map.
  gate: array<array<vec4f, 7>, 128>,
}

struct Role {
  // 1 for the stream of differences, 0 for that of values.
  differences: u32,
  // 1 where the stream begins the sum, and where it ends it.
  first: u32,
  last: u32,
}

@group(0) @binding(3) var<uniform> second: array<array<vec4f, 32>, 128>;
@group(0) @binding(4) var<uniform> rest: Rest;
@group(0) @binding(5) var<uniform> role: Role;

// vec4f of a first-layer row, with its bias.
const firstBlocks = (window + 4u) / 4u;

// The arrays are private to the module so that functions can share them; naga has no pointers to them.
var<private> inputs: array<vec4f, 24>;
var<private> narrow: array<vec4f, 8>;
// Output of the first layer, and of the second: the gate then works in place.
var<private> early: array<vec4f, 128>;
var<private> late: array<vec4f, 128>;

fn mac(sum: vec4f, w: vec4f, x0: vec4f, x1: vec4f, x2: vec4f, x3: vec4f) -> vec4f {
  return fma(x3, vec4f(w.w), fma(x2, vec4f(w.z), fma(x1, vec4f(w.y), fma(x0, vec4f(w.x), sum))));
}

fn eight(bias: f32, low: vec4f, high: vec4f) -> vec4f {
  let half = mac(vec4f(bias), low, narrow[0], narrow[1], narrow[2], narrow[3]);
  return mac(half, high, narrow[4], narrow[5], narrow[6], narrow[7]);
}

// A function cannot be handed a row of a uniform without a copy of it, which takes lavapipe a minute to compile: one
// a page.
fn second_row(row: u32) -> vec4f {
  var sum = vec4f(0.0);
  sum = mac(sum, second[row][0], early[0], early[1], early[2], early[3]);
  sum = mac(sum, second[row][1], early[4], early[5], early[6], early[7]);
  sum = mac(sum, second[row][2], early[8], early[9], early[10], early[11]);
  sum = mac(sum, second[row][3], early[12], early[13], early[14], early[15]);
  sum = mac(sum, second[row][4], early[16], early[17], early[18], early[19]);
  sum = mac(sum, second[row][5], early[20], early[21], early[22], early[23]);
  sum = mac(sum, second[row][6], early[24], early[25], early[26], early[27]);
  sum = mac(sum, second[row][7], early[28], early[29], early[30], early[31]);
  sum = mac(sum, second[row][8], early[32], early[33], early[34], early[35]);
  sum = mac(sum, second[row][9], early[36], early[37], early[38], early[39]);
  sum = mac(sum, second[row][10], early[40], early[41], early[42], early[43]);
  sum = mac(sum, second[row][11], early[44], early[45], early[46], early[47]);
  sum = mac(sum, second[row][12], early[48], early[49], early[50], early[51]);
  sum = mac(sum, second[row][13], early[52], early[53], early[54], early[55]);
  sum = mac(sum, second[row][14], early[56], early[57], early[58], early[59]);
  sum = mac(sum, second[row][15], early[60], early[61], early[62], early[63]);
  sum = mac(sum, second[row][16], early[64], early[65], early[66], early[67]);
  sum = mac(sum, second[row][17], early[68], early[69], early[70], early[71]);
  sum = mac(sum, second[row][18], early[72], early[73], early[74], early[75]);
  sum = mac(sum, second[row][19], early[76], early[77], early[78], early[79]);
  sum = mac(sum, second[row][20], early[80], early[81], early[82], early[83]);
  sum = mac(sum, second[row][21], early[84], early[85], early[86], early[87]);
  sum = mac(sum, second[row][22], early[88], early[89], early[90], early[91]);
  sum = mac(sum, second[row][23], early[92], early[93], early[94], early[95]);
  sum = mac(sum, second[row][24], early[96], early[97], early[98], early[99]);
  sum = mac(sum, second[row][25], early[100], early[101], early[102], early[103]);
  sum = mac(sum, second[row][26], early[104], early[105], early[106], early[107]);
  sum = mac(sum, second[row][27], early[108], early[109], early[110], early[111]);
  sum = mac(sum, second[row][28], early[112], early[113], early[114], early[115]);
  sum = mac(sum, second[row][29], early[116], early[117], early[118], early[119]);
  sum = mac(sum, second[row][30], early[120], early[121], early[122], early[123]);
  sum = mac(sum, second[row][31], early[124], early[125], early[126], early[127]);
  return sum;
}

fn rest_row(row: u32) -> vec4f {
  var sum = vec4f(0.0);
  sum = mac(sum, rest.rows[row][0], late[0], late[1], late[2], late[3]);
  sum = mac(sum, rest.rows[row][1], late[4], late[5], late[6], late[7]);
  sum = mac(sum, rest.rows[row][2], late[8], late[9], late[10], late[11]);
  sum = mac(sum, rest.rows[row][3], late[12], late[13], late[14], late[15]);
  sum = mac(sum, rest.rows[row][4], late[16], late[17], late[18], late[19]);
  sum = mac(sum, rest.rows[row][5], late[20], late[21], late[22], late[23]);
  sum = mac(sum, rest.rows[row][6], late[24], late[25], late[26], late[27]);
  sum = mac(sum, rest.rows[row][7], late[28], late[29], late[30], late[31]);
  sum = mac(sum, rest.rows[row][8], late[32], late[33], late[34], late[35]);
  sum = mac(sum, rest.rows[row][9], late[36], late[37], late[38], late[39]);
  sum = mac(sum, rest.rows[row][10], late[40], late[41], late[42], late[43]);
  sum = mac(sum, rest.rows[row][11], late[44], late[45], late[46], late[47]);
  sum = mac(sum, rest.rows[row][12], late[48], late[49], late[50], late[51]);
  sum = mac(sum, rest.rows[row][13], late[52], late[53], late[54], late[55]);
  sum = mac(sum, rest.rows[row][14], late[56], late[57], late[58], late[59]);
  sum = mac(sum, rest.rows[row][15], late[60], late[61], late[62], late[63]);
  sum = mac(sum, rest.rows[row][16], late[64], late[65], late[66], late[67]);
  sum = mac(sum, rest.rows[row][17], late[68], late[69], late[70], late[71]);
  sum = mac(sum, rest.rows[row][18], late[72], late[73], late[74], late[75]);
  sum = mac(sum, rest.rows[row][19], late[76], late[77], late[78], late[79]);
  sum = mac(sum, rest.rows[row][20], late[80], late[81], late[82], late[83]);
  sum = mac(sum, rest.rows[row][21], late[84], late[85], late[86], late[87]);
  sum = mac(sum, rest.rows[row][22], late[88], late[89], late[90], late[91]);
  sum = mac(sum, rest.rows[row][23], late[92], late[93], late[94], late[95]);
  sum = mac(sum, rest.rows[row][24], late[96], late[97], late[98], late[99]);
  sum = mac(sum, rest.rows[row][25], late[100], late[101], late[102], late[103]);
  sum = mac(sum, rest.rows[row][26], late[104], late[105], late[106], late[107]);
  sum = mac(sum, rest.rows[row][27], late[108], late[109], late[110], late[111]);
  sum = mac(sum, rest.rows[row][28], late[112], late[113], late[114], late[115]);
  sum = mac(sum, rest.rows[row][29], late[116], late[117], late[118], late[119]);
  sum = mac(sum, rest.rows[row][30], late[120], late[121], late[122], late[123]);
  sum = mac(sum, rest.rows[row][31], late[124], late[125], late[126], late[127]);
  return sum;
}

// The stream's part of the output before tanh.
fn stream() -> vec4f {
  // The bias slot of `inputs` holds 1.
  for (var o = 0u; o < 128u; o++) {
    var sum = vec4f(0.0);
    if (firstBlocks > 0u) {
      sum = mac(sum, rest.first[o][0], inputs[0], inputs[1], inputs[2], inputs[3]);
    }
    if (firstBlocks > 1u) {
      sum = mac(sum, rest.first[o][1], inputs[4], inputs[5], inputs[6], inputs[7]);
    }
    if (firstBlocks > 2u) {
      sum = mac(sum, rest.first[o][2], inputs[8], inputs[9], inputs[10], inputs[11]);
    }
    if (firstBlocks > 3u) {
      sum = mac(sum, rest.first[o][3], inputs[12], inputs[13], inputs[14], inputs[15]);
    }
    if (firstBlocks > 4u) {
      sum = mac(sum, rest.first[o][4], inputs[16], inputs[17], inputs[18], inputs[19]);
    }
    if (firstBlocks > 5u) {
      sum = mac(sum, rest.first[o][5], inputs[20], inputs[21], inputs[22], inputs[23]);
    }
    early[o] = leaky(sum);
  }
  for (var o = 0u; o < 128u; o++) {
    late[o] = second_row(o) + rest.gate[o][6].w;
  }
  var output = vec4f(0.0);
  // Compress, then gate and third: one loop, because a second copy of the row body doubles compilation.
  for (var phase = 0u; phase < 2u + hidden; phase++) {
    if (phase == 1u) {
      for (var o = 0u; o < 128u; o++) {
        let biases = rest.gate[o][6];
        let l = eight(biases.x, rest.gate[o][0], rest.gate[o][1]);
        let a = eight(biases.y, rest.gate[o][2], rest.gate[o][3]);
        let r = eight(biases.z, rest.gate[o][4], rest.gate[o][5]);
        late[o] = l + a * exp(r * late[o]);
      }
    }
    let end = 8u + 64u * phase;
    for (var row = 8u * phase; row < end; row++) {
      let tail = rest.tail[row];
      let sum = rest_row(row) + tail.x;
      // In the third layer `narrow` is done with; in compress the packer's tail.y is 0.
      narrow[row & 7u] = max(sum, vec4f(0.0));
      output += tail.y * leaky(sum);
    }
  }
  return output;
}

@compute @workgroup_size(32)
fn main(thread: Thread) {
  hide(thread);
  let i = 4u * (group_of(thread) * 32u + thread.local);
  // Threads past the end go on: an early return would make every load masked.
  let at = coordinates(i);
  for (var k = 0u; k < window + hidden; k++) {
    inputs[k] = four(k, at);
  }
  for (var k = window; k < 24u + hidden; k++) {
    inputs[k] = vec4f(1.0);
  }
  if (role.differences == 1u) {
    // d_j = v_(j+1) - v_j with v newest first: older minus newer.
    for (var k = 0u; k + 1u < window + hidden; k++) {
      inputs[k] = inputs[k] - inputs[k + 1u];
    }
  }
  var sum = vec4f(rest.tail[0].z);
  if (role.first == 0u) {
    for (var j = 0u; j < 4u + hidden; j++) {
      if (i + j < range.count) {
        sum[j] = predicted[range.outFirst + i + j];
      }
    }
  }
  sum += stream();
  for (var j = 0u; j < 4u + hidden; j++) {
    if (role.last == 1u) {
      store(i + j, sum[j]);
    } else if (i + j < range.count) {
      predicted[range.outFirst + i + j] = sum[j];
    }
  }
}
