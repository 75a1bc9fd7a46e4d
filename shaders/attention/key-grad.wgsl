//! import attention/gradient
// Gradients of fused attention with respect to keys and values, as sums over slices of the queries:
// dk = sum of w q, dv = sum of p dy. A thread keeps R keys.
//
// dk, dv [SLICES, B, LK, HEADS * D]; lse, delta [B, HEADS, LQ]; formulas, other shapes, constants and grid:
// attention/gradient.
@group(0) @binding(3) var<storage, read> dy: array<Lane>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> delta: array<f32>;
@group(0) @binding(6) var<storage, read_write> dk: array<Lane>;
@group(0) @binding(7) var<storage, read_write> dv: array<Lane>;

const OWN = u32(LK);
const QUERIES_OWN = false;
const OTHER = u32(LQ);

fn own_rows(at: u32) -> Rows {
  return Rows(k[at], v[at]);
}

fn other_rows(at: u32) -> Rows {
  return Rows(q[at], dy[at]);
}

fn norm_of(tile: Tile, query: u32) -> Norm {
  let at = head_at(tile) + query;
  return Norm(lse[at], delta[at]);
}

fn put(at: u32, weighted: Lane, plain: Lane) {
  dk[at] = weighted;
  dv[at] = plain;
}
