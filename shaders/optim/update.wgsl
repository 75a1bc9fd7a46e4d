//! part
//! import walk/each
//! needs update
// An optimiser's walk over one shard of the arenas. Constants: N floats (a multiple of 64).
// parameters, first (an arena of the optimiser's state), gradients: N floats; step: see train/next-step,
// the learning rate is word 4; blocks[i / 64] = (learning-rate scale, weight decay) of the slot that the
// block belongs to. One thread a quad. A step of no rows changes nothing (optim/loss-scale). The importing file
// declares update(i: u32, lr: f32, decay: f32), which changes quad i.
@group(0) @binding(0) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> first: array<vec4f>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(3) var<storage, read> blocks: array<vec2f>;
@group(0) @binding(4) var<storage, read> step: array<u32>;

const PER = 1u;

fn items() -> u32 {
  return u32(N) / 4u;
}

fn each(i: u32) {
  let slot = blocks[i / 16u];
  // A frozen slot keeps its bits: p - 0 * anything could still turn an infinite moment into NaN.
  if (slot.x != 0.0 && step[0] != 0u) {
    update(i, bitcast<f32>(step[4]) * slot.x, slot.y);
  }
}
