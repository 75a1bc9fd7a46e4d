//! part
//! import walk/items
// N contiguous floats as items of four; the last one is read to its end. Constants: PER quads a thread. N is the
// uniform `elements`, so that one kernel serves all lengths.
@group(0) @binding(7) var<uniform> elements: u32;

fn items() -> u32 {
  return (elements + 3u) / 4u;
}

// v, with 0 behind element N: the padding of an arena's views stays zero.
fn within(v: vec4f, quad: u32) -> vec4f {
  return select(vec4f(), v, 4u * quad + vec4u(0u, 1u, 2u, 3u) < vec4u(elements));
}
