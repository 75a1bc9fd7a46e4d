//! import walk/each, math/hash
// Random changes, one set an image of the batch. The affine map is in the ranges of Keras'
// ImageDataGenerator:
//   T = R(angle) · shift · shear · zoom about the image's centre, mapping output to input (row, column).
// Cut-outs are squares of CUT · (H, W), rounded, that lie wholly inside the image.
// Random numbers are counter-based: hashes of (step seed, row, draw), so a replay repeats them.
// Constants: B rows, H, W, ROTATION and SHEAR (degrees), SHIFT (fraction of the side), ZOOM_LOW, ZOOM_HIGH,
// FLIP (probability), CUTS (at most 3) and CUT (fraction of the side), CONTRAST_LOW, CONTRAST_HIGH,
// SATURATION_LOW, SATURATION_HIGH. step: see next-step.wgsl. transforms [B, 16]: m00 m01 m02 m10 m11 m12
// flip contrast saturation, then the first row and column of each cut-out. One thread a row.
@group(0) @binding(0) var<storage, read> step: array<u32>;
@group(0) @binding(1) var<storage, read_write> transforms: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B);
}

fn uniform01(row: u32, draw: u32) -> f32 {
  return f32(hash(hash(hash(step[2]) ^ row) + draw) >> 8u) / 16777216.0;
}

fn spread(row: u32, draw: u32, range: f32) -> f32 {
  return (2.0 * uniform01(row, draw) - 1.0) * range;
}

fn between(row: u32, draw: u32, low: f32, high: f32) -> f32 {
  return low + (high - low) * uniform01(row, draw);
}

fn each(row: u32) {
  let angle = radians(spread(row, 0u, f32(ROTATION)));
  let down = spread(row, 1u, f32(SHIFT)) * f32(H);
  let right = spread(row, 2u, f32(SHIFT)) * f32(W);
  let shear = radians(spread(row, 3u, f32(SHEAR)));
  let zr = between(row, 4u, f32(ZOOM_LOW), f32(ZOOM_HIGH));
  let zc = between(row, 5u, f32(ZOOM_LOW), f32(ZOOM_HIGH));
  let s = sin(angle);
  let c = cos(angle);
  // R · shift · shear · zoom, written out.
  let m00 = c * zr;
  let m01 = (-c * sin(shear) - s * cos(shear)) * zc;
  let m10 = s * zr;
  let m11 = (-s * sin(shear) + c * cos(shear)) * zc;
  let m02 = c * down - s * right;
  let m12 = s * down + c * right;
  // About the centre: T' = centre · T · centre⁻¹.
  let middle = vec2f(f32(H) - 1.0, f32(W) - 1.0) * 0.5;
  let t = row * 16u;
  transforms[t] = m00;
  transforms[t + 1u] = m01;
  transforms[t + 2u] = m02 + middle.x - m00 * middle.x - m01 * middle.y;
  transforms[t + 3u] = m10;
  transforms[t + 4u] = m11;
  transforms[t + 5u] = m12 + middle.y - m10 * middle.x - m11 * middle.y;
  transforms[t + 6u] = select(0.0, 1.0, uniform01(row, 6u) < f32(FLIP));
  transforms[t + 7u] = between(row, 7u, f32(CONTRAST_LOW), f32(CONTRAST_HIGH));
  transforms[t + 8u] = between(row, 8u, f32(SATURATION_LOW), f32(SATURATION_HIGH));
  let places = vec2f(f32(H), f32(W)) - floor(vec2f(f32(H), f32(W)) * f32(CUT) + 0.5) + 1.0;
  for (var cut = 0u; cut < 3u; cut++) {
    let draw = 9u + 2u * cut;
    // The random number can round up to 1 in the product.
    transforms[t + draw] = min(floor(uniform01(row, draw) * places.x), places.x - 1.0);
    transforms[t + draw + 1u] = min(floor(uniform01(row, draw + 1u) * places.y), places.y - 1.0);
  }
  transforms[t + 15u] = 0.0;
}
