//! import walk/thread, data/pixels
// Gathers a batch of images stored as bytes, normalises them and optionally augments.
//   x[b, r, c, ch] = sample of (pixels / 255 - mean) / deviation at T_b · (r, c), or, where BYTES,
//   x[b, r, c, ch] = (colour(sample of pixels / 255 at T_b · (r, c)) - mean[r, c, ch]) / deviation[ch].
// T_b is the output-to-input map of transforms.wgsl. Samples are bilinear or, where NEAREST, the nearest
// pixel; outside lies the nearest pixel of the border or, where REFLECT, the mirrored image (the border
// pixel repeated: d c b a | a b c d | d c b a). colour() is, in this order: cut-outs filled with 127 / 255;
// contrast, v -> (v - m) · contrast + m with m the mean of the channel before T_b; saturation, the S
// of HSV times saturation, clipped to 1, of images with 3 channels.
// Where ENLARGE, the stored images are smaller, and "pixels" above is their bilinear enlargement, in float
// and before the division:
//   e[r, c] = (1 - v) · row(i) + v · row(i + 1), row(k) = (1 - u) · p[k, j] + u · p[k, j + 1],
//   i + v = clamp((r + 1/2) · STORED_H / H - 1/2, 0, STORED_H - 1), j + u likewise from c, STORED_W and W.
// mean is that of the enlarged images. Everything else happens on the enlarged image.
// There is one dispatch a shard of the data set, each writing the rows whose image it holds. Rows that do
// not count are written as zeros by the first shard's dispatch.
// Constants: B, H, W, C (1 or 3), those of data/pixels, STORED_H and STORED_W (H and W where nothing is
// enlarged), ENLARGE, AUGMENT, NEAREST, REFLECT, BYTES, CUTS and CUT (see transforms.wgsl).
// pixels: NHWC of the stored size; normalisation: mean [H, W, C], then deviation [C]; transforms [B, 16];
// channels [B, 3]: see channel-means.wgsl; x [B, H, W, C]. One thread a pixel of x.
@group(0) @binding(3) var<storage, read> normalisation: array<f32>;
@group(0) @binding(4) var<storage, read> transforms: array<f32>;
@group(0) @binding(5) var<storage, read> channels: array<f32>;
@group(0) @binding(6) var<storage, read_write> x: array<f32>;

struct Neighbours {
  first: u32,
  second: u32,
  // Of the second; 1 - share is that of the first.
  share: f32,
}

// The stored pixels about place `at` of `size` along a side of `own`. In integers over 2 · size, so that no
// adapter's division picks others.
fn neighbours(at: u32, size: i32, own: i32) -> Neighbours {
  let n = clamp((2 * i32(at) + 1) * own - size, 0, 2 * size * (own - 1));
  let first = n / (2 * size);
  let share = f32(n % (2 * size)) / f32(2 * size);
  return Neighbours(u32(first), u32(min(first + 1, own - 1)), share);
}

fn enlarged(image: u32, at: u32) -> vec3f {
  let rows = neighbours(at / u32(W * C), H, STORED_H);
  let columns = neighbours((at / u32(C)) % u32(W), W, STORED_W);
  let start = image * u32(STORED_H * STORED_W * C);
  let above = start + rows.first * u32(STORED_W * C);
  let below = start + rows.second * u32(STORED_W * C);
  let left = columns.first * u32(C);
  let right = columns.second * u32(C);
  var value = vec3f();
  for (var ch = 0u; ch < u32(C); ch++) {
    let top = mix(f32(byte(above + left + ch)), f32(byte(above + right + ch)), columns.share);
    let bottom = mix(f32(byte(below + left + ch)), f32(byte(below + right + ch)), columns.share);
    value[ch] = mix(top, bottom, rows.share);
  }
  return value;
}

// A channel of a pixel in [0, 1] whose values start at `at` of an image, as networks see it.
fn normalised(value: f32, at: u32, ch: u32) -> f32 {
  return (value - normalisation[at + ch]) / normalisation[u32(H * W * C) + ch];
}

fn pixel(image: u32, at: u32) -> vec3f {
  var value = vec3f();
  if (ENLARGE) {
    value = enlarged(image, at);
  }
  for (var ch = 0u; ch < u32(C); ch++) {
    if (!ENLARGE) {
      value[ch] = f32(byte(image * u32(H * W * C) + at + ch));
    }
    value[ch] /= 255.0;
    if (!BYTES) {
      value[ch] = normalised(value[ch], at, ch);
    }
  }
  return value;
}

fn inside(place: i32, size: i32) -> i32 {
  if (REFLECT) {
    let period = 2 * size;
    let p = ((place % period) + period) % period;
    return min(p, period - 1 - p);
  }
  return clamp(place, 0, size - 1);
}

fn border(image: u32, row: i32, column: i32) -> vec3f {
  return pixel(image, u32((inside(row, H) * W + inside(column, W)) * C));
}

fn sample(image: u32, row: f32, column: f32) -> vec3f {
  if (NEAREST) {
    return border(image, i32(floor(row + 0.5)), i32(floor(column + 0.5)));
  }
  let r0 = floor(row);
  let c0 = floor(column);
  let ri = i32(r0);
  let ci = i32(c0);
  let top = mix(border(image, ri, ci), border(image, ri, ci + 1), column - c0);
  let bottom = mix(border(image, ri + 1, ci), border(image, ri + 1, ci + 1), column - c0);
  return mix(top, bottom, row - r0);
}

fn colour(value: vec3f, batchRow: u32, row: f32, column: f32) -> vec3f {
  let t = batchRow * 16u;
  var v = value;
  let side = floor(vec2f(f32(H), f32(W)) * f32(CUT) + 0.5);
  for (var cut = 0u; cut < u32(CUTS); cut++) {
    let offset = vec2f(row - transforms[t + 9u + 2u * cut], column - transforms[t + 10u + 2u * cut]);
    if (all(offset >= vec2f()) && all(offset < side)) {
      v = vec3f(127.0 / 255.0);
    }
  }
  let m = vec3f(channels[3u * batchRow], channels[3u * batchRow + 1u], channels[3u * batchRow + 2u]);
  v = (v - m) * transforms[t + 7u] + m;
  if (C == 3) {
    let high = max(v.x, max(v.y, v.z));
    let range = high - min(v.x, min(v.y, v.z));
    // S = range / high: the factor at which it would be 1 bounds the change.
    v = high - (high - v) * min(transforms[t + 8u], max(high, 0.0) / max(range, 1e-6));
  }
  return v;
}

@compute @workgroup_size(64)
fn main(thread: Thread) {
  let i = number_of(thread);
  if (i >= u32(B * H * W)) {
    return;
  }
  let row = i / u32(H * W);
  let at = i % u32(H * W);
  var value = vec3f();
  if (counts(row)) {
    let image = image_of(row);
    if (image == ELSEWHERE) {
      return;
    }
    if (AUGMENT) {
      let r = f32(at / u32(W));
      let c = f32(at % u32(W));
      let t = row * 16u;
      let source = select(c, f32(W - 1) - c, transforms[t + 6u] > 0.5);
      let sr = transforms[t] * r + transforms[t + 1u] * source + transforms[t + 2u];
      let sc = transforms[t + 3u] * r + transforms[t + 4u] * source + transforms[t + 5u];
      value = sample(image, sr, sc);
      if (BYTES) {
        value = colour(value, row, r, c);
        for (var ch = 0u; ch < u32(C); ch++) {
          value[ch] = normalised(value[ch], at * u32(C), ch);
        }
      }
    } else {
      value = pixel(image, at * u32(C));
    }
  } else if (FIRST != 0) {
    return;
  }
  for (var ch = 0u; ch < u32(C); ch++) {
    x[i * u32(C) + ch] = value[ch];
  }
}
