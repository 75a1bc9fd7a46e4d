//! import data/pixels
// The mean of each channel of the images of a batch, in [0, 1]:
//   channels[b, ch] = sum of pixels[image, r, c, ch] over (r, c) / (255 · H · W).
// main: sums of bytes are integers, so their order does not change them.
// enlarged: the same of the enlargement of smaller stored images (see gather.wgsl):
//   channels[b, ch] = sum of pixels[image, i, j, ch] · rows[i] · columns[j] over (i, j) / (255 · H · W),
//   rows[i] = sum of max(0, 1 - |y(r) - i|) over r, y(r) = clamp((r + 1/2) · STORED_H / H - 1/2, 0, STORED_H - 1),
//   columns likewise.
// Constants: B, H, W, C, those of data/pixels, STORED_H, STORED_W (see gather.wgsl).
// pixels: NHWC of the stored size; channels [B, 3], the channels past C left alone. One workgroup a row.
@group(0) @binding(3) var<storage, read_write> channels: array<f32>;

var<workgroup> sums: array<atomic<u32>, 3>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = wid.x;
  let image = image_of(row);
  var own = vec3u();
  if (image != ELSEWHERE) {
    let start = image * u32(H * W * C);
    for (var place = local; place < u32(H * W); place += 64u) {
      for (var ch = 0u; ch < u32(C); ch++) {
        own[ch] += byte(start + place * u32(C) + ch);
      }
    }
  }
  for (var ch = 0u; ch < u32(C); ch++) {
    atomicAdd(&sums[ch], own[ch]);
  }
  workgroupBarrier();
  if (image != ELSEWHERE && local < u32(C)) {
    channels[row * 3u + local] = f32(atomicLoad(&sums[local])) / (255.0 * f32(H * W));
  }
}

// Weights of the stored rows, then columns, times 2 · H and 2 · W: integers.
var<workgroup> weights: array<u32, STORED_H + STORED_W>;
var<workgroup> parts: array<vec3f, 64>;

fn weight(stored: i32, size: i32, own: i32) -> u32 {
  var sum = 0;
  for (var at = 0; at < size; at++) {
    let n = clamp((2 * at + 1) * own - size, 0, 2 * size * (own - 1));
    sum += max(0, 2 * size - abs(n - 2 * size * stored));
  }
  return u32(sum);
}

@compute @workgroup_size(64)
fn enlarged(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var i = i32(local); i < STORED_H + STORED_W; i += 64) {
    if (i < STORED_H) {
      weights[i] = weight(i, H, STORED_H);
    } else {
      weights[i] = weight(i - STORED_H, W, STORED_W);
    }
  }
  workgroupBarrier();
  let row = wid.x;
  let image = image_of(row);
  var own = vec3f();
  if (image != ELSEWHERE) {
    let start = image * u32(STORED_H * STORED_W * C);
    for (var place = local; place < u32(STORED_H * STORED_W); place += 64u) {
      let share = f32(weights[place / u32(STORED_W)]) * f32(weights[u32(STORED_H) + place % u32(STORED_W)]);
      for (var ch = 0u; ch < u32(C); ch++) {
        own[ch] += share * f32(byte(start + place * u32(C) + ch));
      }
    }
  }
  parts[local] = own;
  workgroupBarrier();
  for (var span = 32u; span > 0u; span /= 2u) {
    if (local < span) {
      parts[local] += parts[local + span];
    }
    workgroupBarrier();
  }
  if (image != ELSEWHERE && local < u32(C)) {
    channels[row * 3u + local] = parts[0][local] / (255.0 * f32(2 * H * H) * f32(2 * W * W));
  }
}
