//! import walk/each, walk/quads
// A point of a plane of weights: y = origin + a first + b second, where (a, b) = points[point] and the point's number is
// the step's seed. At (0, 0) y is the origin, to the bit.
// y, origin, first, second: a shard of N floats, a multiple of 64; step: see train/next-step ([2]).
// Constants: PER quads a thread.
@group(0) @binding(0) var<storage, read> origin: array<vec4f>;
@group(0) @binding(1) var<storage, read> first: array<vec4f>;
@group(0) @binding(2) var<storage, read> second: array<vec4f>;
@group(0) @binding(3) var<storage, read> points: array<vec2f>;
@group(0) @binding(4) var<storage, read> step: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;

fn each(i: u32) {
  let point = points[step[2]];
  y[i] = origin[i] + (point.x * first[i] + point.y * second[i]);
}
