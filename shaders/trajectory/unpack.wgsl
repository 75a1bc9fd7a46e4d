//! import walk/each, walk/quads, math/half
// All snapshots of a trajectory in floats, oldest first: undoes trajectory/pack.
// oldest: N floats, a multiple of 128; differences: SLICES snapshots as trajectory/pack makes them;
// snapshots: SLICES + 1 slices of N floats. Constants: SLICES, PER quads of a slice a thread.
@group(0) @binding(0) var<storage, read> oldest: array<vec4f>;
@group(0) @binding(1) var<storage, read> differences: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> snapshots: array<vec4f>;

fn each(i: u32) {
  let first = oldest[i];
  snapshots[i] = first;
  for (var slice = 0u; slice < SLICES; slice++) {
    snapshots[(slice + 1u) * items() + i] = first + floats_of(differences[slice * items() + i]) / 1024.0;
  }
}
