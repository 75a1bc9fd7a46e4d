//! import attention/gradient
// Gradient of fused attention with respect to the queries, dq = sum over keys of w k, and delta = sum of dy y
// over a row, which the gradients of keys and values need. A thread keeps R queries.
//
// lse, delta [B, HEADS, LQ]; formulas, other shapes, constants and grid: attention/gradient, with SLICES = 1.
@group(0) @binding(3) var<storage, read> y: array<Lane>;
@group(0) @binding(4) var<storage, read> dy: array<Lane>;
@group(0) @binding(5) var<storage, read> lse: array<f32>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dq: array<Lane>;

const OWN = u32(LQ);
const QUERIES_OWN = true;
const OTHER = u32(LK);

const_assert SLICES == 1;

fn own_rows(at: u32) -> Rows {
  return Rows(q[at], dy[at]);
}

fn other_rows(at: u32) -> Rows {
  return Rows(k[at], v[at]);
}

// Makes delta and stores it.
fn norm_of(tile: Tile, query: u32) -> Norm {
  let at = row_at(tile, query, OWN);
  var sum = 0.0;
  for (var c = 0u; c < WIDTH + hidden; c++) {
    sum += inner(dy[at + c], y[at + c]);
  }
  delta[head_at(tile) + query] = sum;
  return Norm(lse[head_at(tile) + query], sum);
}

fn put(at: u32, weighted: Lane, plain: Lane) {
  dq[at] = weighted;
}
