// Dynamic loss scaling (Micikevicius et al. 2018): after a step with a gradient that is NaN or infinite the factor of the
// loss is halved and the update left out, which is done by a step of no rows (optim/update); after GROWTH steps without
// one in a row it is doubled. One thread.
//
// loss_scale [4]: the factor, good steps in a row, steps left out, unused; overflow [1]: see optim/unscale, cleared;
// step: see train/next-step. Constants: GROWTH, LEAST and MOST of the factor, below which a step is done whatever it holds.
@group(0) @binding(0) var<storage, read_write> loss_scale: array<f32>;
@group(0) @binding(1) var<storage, read_write> overflow: array<u32>;
@group(0) @binding(2) var<storage, read_write> step: array<u32>;

@compute @workgroup_size(1)
fn main() {
  let scale = loss_scale[0];
  let good = loss_scale[1] + 1.0;
  if (overflow[0] != 0u && scale > f32(LEAST)) {
    loss_scale[0] = 0.5 * scale;
    loss_scale[1] = 0.0;
    loss_scale[2] += 1.0;
    step[0] = 0u;
  } else if (good >= f32(GROWTH)) {
    loss_scale[0] = min(2.0 * scale, f32(MOST));
    loss_scale[1] = 0.0;
  } else {
    loss_scale[1] = good;
  }
  overflow[0] = 0u;
}
