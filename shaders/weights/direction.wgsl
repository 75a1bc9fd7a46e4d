//! import walk/thread, math/normal
// A random step of one parameter, as long as the step y - original that it replaces. norms adds, 64 partial sums
// each, the squares of y - original and of normal numbers; direction sets y = original + normal * sqrt(first / second).
// Element i of a seed always gets the same number (i counts through all parameters; FIRST is this one's first).
//
// y, original: N elements; settings: seed (u32); partial [2, 64]. Constants: N, FIRST. norms runs as one workgroup.
@group(0) @binding(0) var<storage, read> original: array<f32>;
@group(0) @binding(1) var<storage, read> settings: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(64)
fn norms(@builtin(local_invocation_index) local: u32) {
  var sums = vec2f();
  for (var i = local; i < u32(N); i += 64u) {
    let pair = vec2f(y[i] - original[i], normal(u32(FIRST) + i, settings[0]));
    sums += pair * pair;
  }
  partial[local] = sums.x;
  partial[64u + local] = sums.y;
}

@compute @workgroup_size(64)
fn direction(thread: Thread) {
  let i = number_of(thread);
  if (i >= u32(N)) {
    return;
  }
  var sums = vec2f();
  for (var k = 0u; k < 64u; k++) {
    sums += vec2f(partial[k], partial[64u + k]);
  }
  y[i] = original[i] + normal(u32(FIRST) + i, settings[0]) * sqrt(sums.x / sums.y);
}
