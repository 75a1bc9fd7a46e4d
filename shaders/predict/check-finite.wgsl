//! import walk/thread
// flags[range.slot] |= 1 if any of `count` predictions is NaN or infinite.
// Tested on the bits: WGSL lets an implementation assume that there is no NaN or infinity.
// Constants: none. predicted: floats; range: which of them, and the flag's index. One thread a prediction.
struct Range {
  first: u32,
  count: u32,
  slot: u32,
  reserved: u32,
}

@group(0) @binding(0) var<storage, read> predicted: array<u32>;
@group(0) @binding(1) var<uniform> range: Range;
@group(0) @binding(2) var<storage, read_write> flags: array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(thread: Thread) {
  let i = number_of(thread);
  if (i < range.count && (predicted[range.first + i] & 0x7f800000u) == 0x7f800000u) {
    atomicOr(&flags[range.slot], 1u);
  }
}
