//! import walk/thread
// Sinusoidal embedding of numbers: y[n, k] = sin(2 pi f_k x[n]) for k < HALF, and the cosines of the same angles behind
// them. backward: dx[n] = sum over k of 2 pi f_k (dy[n, k] cos - dy[n, HALF + k] sin).
// Angles are reduced to half a turn first: WGSL promises nothing of sines of larger ones.
//
// x, dx [numbers]; y, dy [numbers, 2 HALF]; f_k: element k of `frequencies`, in turns. Constants: HALF; QUADS =
// ceil(HALF / 4). Grid: forward a thread an element of y, backward a thread a number.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(7) var<uniform> numbers: u32;
@group(0) @binding(8) var<uniform> frequencies: array<vec4f, QUADS>;

const TURN = 6.283185307179586;

fn frequency(k: u32) -> f32 {
  return frequencies[k / 4u][k % 4u];
}

fn angle(n: u32, k: u32) -> f32 {
  let turns = frequency(k) * x[n];
  return TURN * (turns - round(turns));
}

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  let i = number_of(thread);
  let n = i / u32(2 * HALF);
  if (n >= numbers) {
    return;
  }
  let k = i % u32(2 * HALF);
  let at = angle(n, k % u32(HALF));
  y[i] = select(cos(at), sin(at), k < u32(HALF));
}

@compute @workgroup_size(64)
fn backward(thread: Thread) {
  let n = number_of(thread);
  if (n >= numbers) {
    return;
  }
  let start = n * u32(2 * HALF);
  var sum = 0.0;
  for (var k = 0u; k < u32(HALF); k++) {
    let at = angle(n, k);
    sum += TURN * frequency(k) * (dy[start + k] * cos(at) - dy[start + u32(HALF) + k] * sin(at));
  }
  dx[n] = sum;
}
