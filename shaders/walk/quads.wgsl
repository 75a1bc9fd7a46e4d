//! part
//! import walk/items
// N contiguous floats as items of four; the last one is read to its end. Constants: N, PER quads a thread.
const COUNT = (u32(N) + 3u) / 4u;

// v, with 0 behind element N: the padding of an arena's views stays zero.
fn within(v: vec4f, quad: u32) -> vec4f {
  if (N % 4 == 0) {
    return v;
  }
  return select(vec4f(), v, 4u * quad + vec4u(0u, 1u, 2u, 3u) < vec4u(N));
}
