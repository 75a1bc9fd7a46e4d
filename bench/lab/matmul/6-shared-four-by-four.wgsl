// Tiles of 64 x 16 and 16 x 64 in workgroup memory, and a lane makes 4 x 4 results of them: two vec4 loads, both from
// there, for sixteen multiply-adds. The tile of a is turned when it is stored, so that four rows are one vec4.
override N: u32;
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;

var<workgroup> tile_a: array<array<f32, 64>, 16>;
var<workgroup> tile_b: array<vec4f, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quads = N / 4u;
  let row0 = 64u * group.y;
  let column0 = 16u * group.x;
  let tx = lane % 16u;
  let ty = lane / 16u;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var k = 0u; k < N; k += 16u) {
    // 64 rows of four vec4 along k, and 16 rows of sixteen vec4 along the columns: one of each a lane.
    let from_a = a[(row0 + lane / 4u) * quads + k / 4u + lane % 4u];
    for (var i = 0u; i < 4u; i++) {
      tile_a[4u * (lane % 4u) + i][lane / 4u] = from_a[i];
    }
    tile_b[lane] = b[(k + ty) * quads + column0 + tx];
    workgroupBarrier();
    for (var i = 0u; i < 16u; i++) {
      let columns = tile_b[16u * i + tx];
      s0 = fma(vec4f(tile_a[i][4u * ty]), columns, s0);
      s1 = fma(vec4f(tile_a[i][4u * ty + 1u]), columns, s1);
      s2 = fma(vec4f(tile_a[i][4u * ty + 2u]), columns, s2);
      s3 = fma(vec4f(tile_a[i][4u * ty + 3u]), columns, s3);
    }
    workgroupBarrier();
  }
  let at = (row0 + 4u * ty) * quads + column0 + tx;
  c[at] = s0;
  c[at + quads] = s1;
  c[at + 2u * quads] = s2;
  c[at + 3u * quads] = s3;
}
