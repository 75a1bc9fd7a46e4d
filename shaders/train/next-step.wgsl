// Takes the next row of the step table: step = table[cursor], cursor += 1. One thread.
// A row has 8 words: [0] rows of the batch that count, [1] first position in the order list, [2] random
// seed, [3] number of the micro-batch in its step, [4] learning rate (f32 bits), [5] and [6] Adam's bias
// corrections, [7] the micro-batch's share of the step's rows (f32 bits).
// Keeping this on the device lets many steps go into one submit without a host write between them.
// Prelude: none.
@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> cursor: array<u32>;
@group(0) @binding(2) var<storage, read_write> step: array<u32>;

@compute @workgroup_size(1)
fn main() {
  let row = cursor[0];
  for (var i = 0u; i < 8u; i++) {
    step[i] = table[row * 8u + i];
  }
  cursor[0] = row + 1u;
}
