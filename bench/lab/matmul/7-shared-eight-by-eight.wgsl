// Tiles of 128 x 16 and 16 x 128 in workgroup memory, and a lane makes 8 x 8 results of them: four vec4 loads for 64
// multiply-adds. A lane's rows and columns lie 64 apart, so that neighbouring lanes read neighbouring vec4.
override N: u32;
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;

// Step k of 16: 128 rows of a, or columns of b, as 32 vec4.
var<workgroup> tile_a: array<vec4f, 512>;
var<workgroup> tile_b: array<vec4f, 512>;

fn multiply_add(s: mat4x4f, a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(vec4f(a.x), b, s[0]),
    fma(vec4f(a.y), b, s[1]),
    fma(vec4f(a.z), b, s[2]),
    fma(vec4f(a.w), b, s[3]),
  );
}

fn put(row: u32, column: u32, s: mat4x4f) {
  let quads = N / 4u;
  c[row * quads + column] = s[0];
  c[(row + 1u) * quads + column] = s[1];
  c[(row + 2u) * quads + column] = s[2];
  c[(row + 3u) * quads + column] = s[3];
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quads = N / 4u;
  let row0 = 128u * group.y;
  let column0 = 32u * group.x;
  let tx = lane % 16u;
  let ty = lane / 16u;
  var s00 = mat4x4f();
  var s01 = mat4x4f();
  var s10 = mat4x4f();
  var s11 = mat4x4f();
  for (var k = 0u; k < N; k += 16u) {
    // Half of the lanes turn a block of 4 x 4 of a each; every lane copies two vec4 of b.
    if (lane < 128u) {
      let along = lane % 4u;
      let block = lane / 4u;
      let first = (row0 + 4u * block) * quads + k / 4u + along;
      let turned = transpose(mat4x4f(a[first], a[first + quads], a[first + 2u * quads], a[first + 3u * quads]));
      for (var i = 0u; i < 4u; i++) {
        tile_a[32u * (4u * along + i) + block] = turned[i];
      }
    }
    tile_b[lane] = b[(k + lane / 32u) * quads + column0 + lane % 32u];
    tile_b[lane + 256u] = b[(k + 8u + lane / 32u) * quads + column0 + lane % 32u];
    workgroupBarrier();
    for (var i = 0u; i < 16u; i++) {
      let a0 = tile_a[32u * i + ty];
      let a1 = tile_a[32u * i + 16u + ty];
      let b0 = tile_b[32u * i + tx];
      let b1 = tile_b[32u * i + 16u + tx];
      s00 = multiply_add(s00, a0, b0);
      s01 = multiply_add(s01, a0, b1);
      s10 = multiply_add(s10, a1, b0);
      s11 = multiply_add(s11, a1, b1);
    }
    workgroupBarrier();
  }
  let row = row0 + 4u * ty;
  put(row, column0 + tx, s00);
  put(row, column0 + 16u + tx, s01);
  put(row + 64u, column0 + tx, s10);
  put(row + 64u, column0 + 16u + tx, s11);
}
