//! part
//! needs tileA, tileB, LINE_A, LINE_B, results
// Products of 16 x 16 matrices by lanes of their own, under the names of matrix/adapter: for adapters without matrix
// units, on which it tests what those that have them do. It is slow.
//
// 32 lanes that follow each other are a subgroup; a lane makes eight columns of one row, each as a chain of sums over k.
// Halves are rounded to the nearest, ties to even, as hardware does; what is beyond them becomes infinite. Constants: none.

// Two words of two halves.
alias Half4 = vec2u;

// Where a lane finds its row, as a number of halves, and its columns, as one of quads.
alias Left = u32;
alias Right = u32;

struct Sum {
  low: vec4f,
  high: vec4f,
}

struct Group {
  @builtin(local_invocation_id) id: vec3u,
}

struct Member {
  @builtin(global_invocation_id) id: vec3u,
}

fn subgroupOf(id: vec3u) -> u32 {
  return id.x / 32u;
}

fn laneOf(id: vec3u) -> u32 {
  return id.x % 32u;
}

// Bits of one half.
fn half_bits(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let sign = (bits >> 16u) & 0x8000u;
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) {
    return sign | 0x7e00u; // not a number
  }
  if (size >= 0x477ff000u) {
    return sign | 0x7c00u;
  }
  if (size < 0x38800000u) {
    // Below 2^-14 halves are multiples of 2^-24: adding 1/2 leaves them in the lowest bits, rounded.
    return sign | (bitcast<u32>(bitcast<f32>(size) + 0.5) - 0x3f000000u);
  }
  // Nearest multiple of 2^13, ties to even, and the exponent's bias 15 in place of 127.
  let rounded = size + 0xfffu + ((size >> 13u) & 1u);
  return sign | ((rounded - 0x38000000u) >> 13u);
}

fn halves(v: vec4f) -> Half4 {
  return vec2u(
    half_bits(v.x) | (half_bits(v.y) << 16u),
    half_bits(v.z) | (half_bits(v.w) << 16u),
  );
}

fn floats(h: Half4) -> vec4f {
  return vec4f(unpack2x16float(h.x), unpack2x16float(h.y));
}

fn loadLeft(at: u32, lane: u32) -> Left {
  return 4u * at + lane / 2u;
}

fn loadRight(at: u32, lane: u32) -> Right {
  return at + lane % 2u * 2u;
}

fn multiplyAdd(l: Left, r: Right, s: Sum, hidden: u32) -> Sum {
  var sum = s;
  for (var k = hidden; k < 16u; k++) {
    let a = vec4f(floats(tileA[l / 4u + k * LINE_A])[l % 4u]);
    sum.low = fma(a, floats(tileB[r + k * LINE_B]), sum.low);
    sum.high = fma(a, floats(tileB[r + k * LINE_B + 1u]), sum.high);
  }
  return sum;
}

fn storeSum(s: Sum, at: u32, lane: u32) {
  results[at + 2u * lane] = s.low;
  results[at + 2u * lane + 1u] = s.high;
}
