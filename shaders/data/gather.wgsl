// Gathers a batch of pictures stored as bytes, subtracts the mean picture and optionally augments.
//   x[b, r, c, ch] = bilinear sample of (pixels / 255 - mean) at T_b · (r, c), nearest fill outside.
// T_b is the output-to-input map of transforms.wgsl: rows (m00 m01 m02), (m10 m11 m12), flip.
// A data set larger than a binding is stored in shards: one dispatch a shard, each writing the rows
// whose picture it holds. Rows past step[0] are written as zeros by the first shard's dispatch.
// Prelude: B, H, W, C, FIRST and COUNT (pictures of this shard), AUGMENT.
// pixels: bytes NHWC, four to a word; mean [H, W, C]; order: picture numbers; step: see next-step.wgsl;
// transforms [B, 8]; x [B, H, W, C]. One thread an element of x.
@group(0) @binding(0) var<storage, read> pixels: array<u32>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> order: array<u32>;
@group(0) @binding(3) var<storage, read> step: array<u32>;
@group(0) @binding(4) var<storage, read> transforms: array<f32>;
@group(0) @binding(5) var<storage, read_write> x: array<f32>;

fn pixel(picture: u32, at: u32) -> f32 {
  let i = picture * u32(H * W * C) + at;
  let byte = (pixels[i / 4u] >> ((i % 4u) * 8u)) & 0xffu;
  return f32(byte) / 255.0 - mean[at];
}

fn clamped(picture: u32, row: i32, column: i32, channel: u32) -> f32 {
  let r = u32(clamp(row, 0, H - 1));
  let c = u32(clamp(column, 0, W - 1));
  return pixel(picture, (r * u32(W) + c) * u32(C) + channel);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= u32(B * H * W * C)) {
    return;
  }
  let row = i / u32(H * W * C);
  let at = i % u32(H * W * C);
  if (row >= step[0]) {
    if (FIRST == 0) {
      x[i] = 0.0;
    }
    return;
  }
  let number = order[step[1] + row];
  if (number < u32(FIRST) || number >= u32(FIRST + COUNT)) {
    return;
  }
  let picture = number - u32(FIRST);
  if (!AUGMENT) {
    x[i] = pixel(picture, at);
    return;
  }
  let channel = at % u32(C);
  let place = at / u32(C);
  let r = f32(place / u32(W));
  var c = f32(place % u32(W));
  let t = row * 8u;
  if (transforms[t + 6u] > 0.5) {
    c = f32(W - 1) - c;
  }
  let sr = transforms[t] * r + transforms[t + 1u] * c + transforms[t + 2u];
  let sc = transforms[t + 3u] * r + transforms[t + 4u] * c + transforms[t + 5u];
  let r0 = floor(sr);
  let c0 = floor(sc);
  let fr = sr - r0;
  let fc = sc - c0;
  let ri = i32(r0);
  let ci = i32(c0);
  let top = mix(clamped(picture, ri, ci, channel), clamped(picture, ri, ci + 1, channel), fc);
  let bottom = mix(clamped(picture, ri + 1, ci, channel), clamped(picture, ri + 1, ci + 1, channel), fc);
  x[i] = mix(top, bottom, fr);
}
