//! import attention/rows
//! needs inner, hidden
// Fused attention: y = softmax(SCALE q kT) v for each head, the scores never stored; lse = log of the sum of
// the exponentials, which the backward pass makes the probabilities from.
// The maximum is raised as keys go by, four at a time, and what was summed before is scaled down to it
// (online softmax: Milakov and Gimelshein 2018; Dao et al. 2022).
//
// lse [B, HEADS, LQ]; other shapes, constants and grid: attention/rows, with SLICES = 1. A thread keeps R queries.
@group(0) @binding(3) var<storage, read_write> y: array<Lane>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;

const OWN = u32(LQ);
const LOWEST = -3.0e38;

const_assert SLICES == 1;

fn attend(tile: Tile) {
  var query: array<Lane, CELLS>;
  var sums: array<Lane, CELLS>;
  var highest: array<f32, R>;
  var total: array<f32, R>;
  for (var r = 0u; r < u32(R); r++) {
    let at = row_at(tile, min(tile.row + r, OWN - 1u), OWN);
    for (var c = 0u; c < WIDTH + hidden; c++) {
      query[r * WIDTH + c] = SCALE * q[at + c];
    }
    highest[r] = LOWEST;
  }
  for (var quad = hidden; quad < (u32(LK) + 3u) / 4u; quad++) {
    let key = 4u * quad;
    // Keys behind the last are read as the last and given no weight.
    let last = u32(LK) - 1u;
    let at = vec4u(
      row_at(tile, key, u32(LK)),
      row_at(tile, min(key + 1u, last), u32(LK)),
      row_at(tile, min(key + 2u, last), u32(LK)),
      row_at(tile, min(key + 3u, last), u32(LK)),
    );
    var scores = array<vec4f, R>();
    for (var c = 0u; c < WIDTH + hidden; c++) {
      let k0 = k[at.x + c];
      let k1 = k[at.y + c];
      let k2 = k[at.z + c];
      let k3 = k[at.w + c];
      for (var r = 0u; r < u32(R); r++) {
        let x = query[r * WIDTH + c];
        scores[r] += vec4f(inner(x, k0), inner(x, k1), inner(x, k2), inner(x, k3));
      }
    }
    let there = key + vec4u(0u, 1u, 2u, 3u) < vec4u(u32(LK));
    var fade = array<f32, R>();
    for (var r = 0u; r < u32(R); r++) {
      let s = select(vec4f(LOWEST), scores[r], there);
      let top = max(highest[r], max(max(s.x, s.y), max(s.z, s.w)));
      let p = exp(s - top);
      fade[r] = exp(highest[r] - top);
      highest[r] = top;
      total[r] = total[r] * fade[r] + p.x + p.y + p.z + p.w;
      scores[r] = p;
    }
    for (var c = 0u; c < WIDTH + hidden; c++) {
      let v0 = v[at.x + c];
      let v1 = v[at.y + c];
      let v2 = v[at.z + c];
      let v3 = v[at.w + c];
      for (var r = 0u; r < u32(R); r++) {
        let p = scores[r];
        let cell = r * WIDTH + c;
        sums[cell] = sums[cell] * fade[r] + p.x * v0 + p.y * v1 + p.z * v2 + p.w * v3;
      }
    }
  }
  for (var r = 0u; r < u32(R); r++) {
    let position = tile.row + r;
    if (position < OWN) {
      let at = row_at(tile, position, OWN);
      for (var c = 0u; c < WIDTH + hidden; c++) {
        y[at + c] = sums[r * WIDTH + c] / total[r];
      }
      lse[head_at(tile) + position] = highest[r] + log(total[r]);
    }
  }
}
