//! part
//! needs sizes, pieceOf, rowsOf, lineA, A_QUADS, quadA, LANES_B, indexB, B_QUADS, quadB
//! needs HAS_BIAS, biasQuad, finish
// The matrix product c = a b (+ bias) for software adapters (lavapipe, SwiftShader): 8 rows x 4 VT columns a
// lane, no workgroup memory.
//
// c [m, n] is made `pieces` times in one dispatch, each piece over its own steps of k: slices of k, or classes
// of pixels. Where a, b and c lie is the business of operands: of a file that says which elements the rows and
// columns are (gemm/product, conv2d/*) and of product/{a,b,c}-{scalar,vec4}, which read and store them; what is done
// with a lane's results is that of product/rows-software or product/pool-software.
// Constants: VT = vec4 columns a lane (1, 2 or 4); WG = lanes a workgroup.
// Grid: ceil(ceil(m / 8) ceil(n / 4 / VT) pieces / WG) workgroups, folded into x and y.
//
// There a load whose address is not a constant becomes a loop over the lanes of some 35 instructions each, so
// a lane has a fat tile to pay for it; and the inner loop has to stay inside the 32 KiB instruction cache,
// so rows are read as scalars and nothing is unrolled: unrolling by four halves the speed, and letting the
// driver unroll by itself costs seconds of compilation (hence `hidden`).

const_assert VT == 1 || VT == 2 || VT == 4;
const_assert A_QUADS && B_QUADS;

// Rows of the result: a's rows times four columns of b.
fn outer(a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(a.x * b, a.y * b, a.z * b, a.w * b);
}

fn repeat(v: vec4f) -> mat4x4f {
  return mat4x4f(v, v, v, v);
}

// Where the results of a lane begin, and 0.
struct Place {
  row: u32,
  col: u32,
  hidden: u32,
}

// The low and high four rows of VT column quads.
struct Sums {
  l0: mat4x4f,
  h0: mat4x4f,
  l1: mat4x4f,
  h1: mat4x4f,
  l2: mat4x4f,
  h2: mat4x4f,
  l3: mat4x4f,
  h3: mat4x4f,
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = (wid.y * grid.x + wid.x) * WG + lane;
  let hidden = grid.z - 1u; // always 0, but the driver does not know
  let rowTiles = (sizes.m + 7u) / 8u;
  let colTiles = (sizes.n + 4u * VT - 1u) / (4u * VT);
  let tiles = rowTiles * colTiles;
  let piece = pieceOf(min(id / tiles, sizes.pieces - 1u));
  let col = id % colTiles * (4u * VT);
  let row0 = select(sizes.m, id / colTiles % rowTiles * 8u, id < tiles * sizes.pieces);
  let lowRows = rowsOf(piece, row0);
  let highRows = rowsOf(piece, row0 + 4u);
  // Low and high four rows of the VT column quads.
  var l0 = mat4x4f();
  var h0 = mat4x4f();
  var l1 = mat4x4f();
  var h1 = mat4x4f();
  var l2 = mat4x4f();
  var h2 = mat4x4f();
  var l3 = mat4x4f();
  var h3 = mat4x4f();
  if (HAS_BIAS) {
    l0 = repeat(biasQuad(col));
    h0 = l0;
    if (VT > 1) {
      l1 = repeat(biasQuad(col + 4u));
      h1 = l1;
    }
    if (VT > 2) {
      l2 = repeat(biasQuad(col + 8u));
      h2 = l2;
      l3 = repeat(biasQuad(col + 12u));
      h3 = l3;
    }
  }
  let end = piece.end + hidden;
  for (var run = piece.begin / sizes.run; run * sizes.run < end; run++) {
    let lowLine = lineA(piece, lowRows, run);
    let highLine = lineA(piece, highRows, run);
    let begin = run * sizes.run;
    let first = max(piece.begin, begin) - begin;
    let last = min(sizes.run, end - begin);
    let line = indexB(piece, col, begin) / LANES_B;
    for (var i = first; i < last; i++) {
      let low = quadA(lowLine, i);
      let high = quadA(highLine, i);
      let at = line + i * (sizes.stepB / LANES_B);
      let b0 = quadB(at, 0u);
      var b1 = vec4f();
      var b2 = vec4f();
      var b3 = vec4f();
      if (VT > 1) {
        b1 = quadB(at, 1u);
      }
      if (VT > 2) {
        b2 = quadB(at, 2u);
        b3 = quadB(at, 3u);
      }
      l0 += outer(low, b0);
      h0 += outer(high, b0);
      if (VT > 1) {
        l1 += outer(low, b1);
        h1 += outer(high, b1);
      }
      if (VT > 2) {
        l2 += outer(low, b2);
        h2 += outer(high, b2);
        l3 += outer(low, b3);
        h3 += outer(high, b3);
      }
    }
  }
  finish(piece, Place(row0, col, hidden), Sums(l0, h0, l1, h1, l2, h2, l3, h3));
}
