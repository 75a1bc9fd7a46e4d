// The mean of each channel of the pictures of a batch, in [0, 1]:
//   channels[b, ch] = sum of pixels[picture, r, c, ch] over (r, c) / (255 · H · W).
// Sums of bytes are integers, so their order does not change them.
// Prelude: B, H, W, C, FIRST and COUNT (pictures of this shard; see gather.wgsl).
// pixels: bytes NHWC, four to a word; order: picture numbers; step: see next-step.wgsl; channels [B, 3], the
// channels past C left alone. One workgroup a row.
@group(0) @binding(0) var<storage, read> pixels: array<u32>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> step: array<u32>;
@group(0) @binding(3) var<storage, read_write> channels: array<f32>;

var<workgroup> sums: array<atomic<u32>, 3>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = wid.x;
  var own = vec3u();
  var here = false;
  if (row < step[0]) {
    let number = order[step[1] + row];
    here = number >= u32(FIRST) && number < u32(FIRST + COUNT);
    if (here) {
      let start = (number - u32(FIRST)) * u32(H * W * C);
      for (var place = local; place < u32(H * W); place += 64u) {
        for (var ch = 0u; ch < u32(C); ch++) {
          let i = start + place * u32(C) + ch;
          own[ch] += (pixels[i / 4u] >> ((i % 4u) * 8u)) & 0xffu;
        }
      }
    }
  }
  for (var ch = 0u; ch < u32(C); ch++) {
    atomicAdd(&sums[ch], own[ch]);
  }
  workgroupBarrier();
  if (here && local < u32(C)) {
    channels[row * 3u + local] = f32(atomicLoad(&sums[local])) / (255.0 * f32(H * W));
  }
}
