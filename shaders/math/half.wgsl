//! part
// Half precision for storage, two values a word: packing rounds to nearest even, unpacking is exact. Values
// beyond 65,504 become infinite. Constants: none.
fn halves_of(v: vec4f) -> vec2u {
  return vec2u(pack2x16float(v.xy), pack2x16float(v.zw));
}

fn floats_of(halves: vec2u) -> vec4f {
  return vec4f(unpack2x16float(halves.x), unpack2x16float(halves.y));
}
