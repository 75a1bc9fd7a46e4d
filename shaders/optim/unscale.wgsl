//! import walk/each, walk/quads
// Takes the factor out of the gradients of a scaled loss, and says whether any of them is NaN or infinite:
// g /= loss_scale[0]; overflow[0] |= 1. The factor is a power of two, so no bit is rounded.
//
// gradients: a shard of N floats, a multiple of 64; blocks[i / 64] = (learning-rate scale, weight decay): what has
// scale 0 is not trained and not looked at. Constants: N, PER quads a thread.
@group(0) @binding(0) var<storage, read_write> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read> blocks: array<vec2f>;
@group(0) @binding(2) var<storage, read> loss_scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> overflow: array<atomic<u32>>;

fn each(i: u32) {
  if (blocks[i / 16u].x == 0.0) {
    return;
  }
  let g = gradients[i];
  // On the bits: WGSL lets an implementation assume that there is no NaN or infinity.
  let exponents = bitcast<vec4u>(g) & vec4u(0x7f800000u);
  if (any(exponents == vec4u(0x7f800000u))) {
    atomicOr(&overflow[0], 1u);
  }
  gradients[i] = g * (1.0 / loss_scale[0]);
}
