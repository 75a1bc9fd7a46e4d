// A workgroup copies tiles of 16 x 16 to its memory, which its 256 lanes share: 16 times fewer loads from storage.
override N: u32;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

var<workgroup> tile_a: array<f32, 256>;
var<workgroup> tile_b: array<f32, 256>;

@compute @workgroup_size(16, 16)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(local_invocation_id) at: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  var sum = 0.0;
  for (var tile = 0u; tile < N; tile += 16u) {
    tile_a[lane] = a[id.y * N + tile + at.x];
    tile_b[lane] = b[(tile + at.y) * N + id.x];
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      sum = fma(tile_a[at.y * 16u + k], tile_b[k * 16u + at.x], sum);
    }
    workgroupBarrier();
  }
  c[id.y * N + id.x] = sum;
}
