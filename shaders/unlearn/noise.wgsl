//! import walk/thread, math/hash
// Gaussian noise on one parameter, from a counter: element i of seed s always gets the same normal number
// (i counts through all parameters; FIRST is this one's first).
//
// fisher: y = original + sqrt(alpha * BOOST * min(1 / (F + 1e-8), CAP)) * normal with F = f / PICTURES:
// where the Fisher information F is small, so that what D_r does not need is washed out.
// norms, direction: a random step as long as another. norms adds, 64 partial sums each, the squares of
// y - original and of the normals; direction sets y = original + normal * sqrt(first / second).
//
// y, original, f: N elements; settings: seed (u32), alpha (f32 bits); partial [2, 64].
// Constants: N, FIRST; fisher: PICTURES, BOOST, CAP. norms runs as one workgroup.
// Source: Golatkar, Achille, Soatto (2020).
@group(0) @binding(0) var<storage, read> original: array<f32>;
@group(0) @binding(1) var<storage, read> f: array<f32>;
@group(0) @binding(2) var<storage, read> settings: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> partial: array<f32>;

// Box-Muller on two uniforms in (0, 1].
fn normal(element: u32) -> f32 {
  let i = u32(FIRST) + element;
  let first = hash(hash(2u * i) ^ settings[0]);
  let second = hash(hash(2u * i + 1u) ^ settings[0]);
  let u = (f32(first >> 8u) + 1.0) / 16777216.0;
  let v = f32(second >> 8u) / 16777216.0;
  return sqrt(-2.0 * log(u)) * cos(6.283185307 * v);
}

@compute @workgroup_size(64)
fn fisher(thread: Thread) {
  let i = number_of(thread);
  if (i < u32(N)) {
    let variance = bitcast<f32>(settings[1]) * f32(BOOST) * min(1.0 / (f[i] / f32(PICTURES) + 1e-8), f32(CAP));
    y[i] = original[i] + sqrt(variance) * normal(i);
  }
}

@compute @workgroup_size(64)
fn norms(@builtin(local_invocation_index) local: u32) {
  var sums = vec2f();
  for (var i = local; i < u32(N); i += 64u) {
    let pair = vec2f(y[i] - original[i], normal(i));
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
  y[i] = original[i] + normal(i) * sqrt(sums.x / sums.y);
}
