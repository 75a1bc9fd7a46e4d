//! import walk/each, walk/quads, math/drop
// Dropout and stochastic depth (math/drop): y = drop(x). The derivative is the same kernel on dy: the mask comes
// from a counter, so it is computed again instead of stored.
//
// x, y: N contiguous elements; step: see train/next-step.wgsl, the seed is word 2. Constants: PER quads a thread,
// EXAMPLES (boolean). The rest stands in a uniform, so that one kernel serves all layers.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(8) var<uniform> draw: Draw;

fn each(i: u32) {
  y[i] = within(drop(x[i], i, step[2], draw), i);
}
