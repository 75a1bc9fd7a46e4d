// Multiply-adds of 8 x 8 results a lane, as product/gpu makes them, without what brings the factors from memory: the most
// that a product could reach. Constants: SHARED = whether the factors of each step come from workgroup memory (else they stay
// in registers); STEPS of a round; ROUNDS.

var<workgroup> rows: array<vec4f, 32 * STEPS>;
var<workgroup> columns: array<vec4f, 32 * STEPS>;

@group(0) @binding(0) var<storage, read_write> numbers: array<vec4f>;

fn multiplyAdd(s: mat4x4f, a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(vec4f(a.x), b, s[0]),
    fma(vec4f(a.y), b, s[1]),
    fma(vec4f(a.z), b, s[2]),
    fma(vec4f(a.w), b, s[3]),
  );
}

fn total(s: mat4x4f) -> vec4f {
  return (s[0] + s[1]) + (s[2] + s[3]);
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) wid: vec3u) {
  for (var i = t; i < 32u * STEPS; i += 256u) {
    rows[i] = numbers[t];
    columns[i] = numbers[255u - t];
  }
  workgroupBarrier();
  let tx = t / 2u % 8u + 8u * (t / 32u % 2u);
  let ty = t % 2u + 2u * (t % 32u / 16u) + 4u * (t / 64u);
  var s00 = mat4x4f();
  var s01 = mat4x4f();
  var s10 = mat4x4f();
  var s11 = mat4x4f();
  var a0 = rows[ty];
  var a1 = rows[ty + 16u];
  var b0 = columns[tx];
  var b1 = columns[tx + 16u];
  for (var round = 0u; round < ROUNDS; round++) {
    for (var k = 0u; k < STEPS; k++) {
      if (SHARED) {
        a0 = rows[32u * k + ty];
        a1 = rows[32u * k + ty + 16u];
        b0 = columns[32u * k + tx];
        b1 = columns[32u * k + tx + 16u];
      }
      s00 = multiplyAdd(s00, a0, b0);
      s01 = multiplyAdd(s01, a0, b1);
      s10 = multiplyAdd(s10, a1, b0);
      s11 = multiplyAdd(s11, a1, b1);
    }
  }
  numbers[256u * (wid.x + 1u) + t] = total(s00) + total(s01) + total(s10) + total(s11);
}
