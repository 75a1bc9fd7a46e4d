//! part
//! needs M, N, PIECES, BAND, Piece, pieceOf, Rows, rowsOf, A_ALONG_K, blockA, B_K, blockB
//! needs HAS_BIAS, biasQuad, indexC, OUTSIDE, store
// The tiled matrix product c = a b (+ bias) for GPUs: tiles, barriers and sums.
//
// c [M, N] is made PIECES times in one dispatch, each piece over its own steps of k: slices of k, or classes
// of pixels. Where a, b and c lie is the business of operands: of a file that says which elements a block of
// a and b are (gemm/product, conv2d/*) and of product/{a,b,c}-{scalar,vec4}, which read and store them.
// Constants: BM x BN = rows and columns a workgroup makes (32, 64 or 128 each, k in steps of 16); TM, TN = row
// and column quads a lane makes (1 or 2: a lane has 4 TM x 4 TN results in registers); WG = lanes a workgroup.
// Grid: ceil(M / BM) ceil(N / BN) PIECES workgroups, folded into x and y.
// Workgroup memory: 64 (BM + BN) bytes. Made for discrete NVIDIA GPUs, within WebGPU's default limits.

const_assert TM == 1 || (TM == 2 && BM >= 64);
const_assert TN == 1 || (TN == 2 && BN >= 64);
const_assert WG == BM * BN / (16 * TM * TN) && WG <= 256;
const_assert BM == 32 || BM == 64 || BM == 128;
const_assert BN == 32 || BN == 64 || BN == 128;

const ROW_TILES = (M + BM - 1u) / BM;
const COL_TILES = (N + BN - 1u) / BN;

const TX = BN / (4 * TN);
// Whether there are enough lanes for some to copy only a and the others only b.
const SPLIT = WG >= BM + BN;

// Tiles of a and b, k-major [16][quads]. Quad q of k step k lies at q ^ (2 (k / 4)): so lanes that hold
// neighbouring k store without bank conflicts, and no padding breaks the 16 KiB.
var<workgroup> tileA: array<vec4f, 4 * BM>;
var<workgroup> tileB: array<vec4f, 4 * BN>;

// Rows of the result: a's rows times four columns of b.
fn outer(a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(a.x * b, a.y * b, a.z * b, a.w * b);
}

fn putRow(piece: Piece, row: u32, col: u32, value: vec4f) {
  let i = indexC(piece, row);
  if (row >= M || i == OUTSIDE) {
    return;
  }
  if (HAS_BIAS) {
    store(i, col, value + biasQuad(col));
  } else {
    store(i, col, value);
  }
}

fn put(piece: Piece, s: mat4x4f, row: u32, col: u32) {
  putRow(piece, row, col, s[0]);
  putRow(piece, row + 1u, col, s[1]);
  putRow(piece, row + 2u, col, s[2]);
  putRow(piece, row + 3u, col, s[3]);
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) t: u32,
) {
  let id = wid.y * grid.x + wid.x;
  let hidden = grid.z - 1u; // always 0; stops drivers from unrolling more than four steps
  if (id >= ROW_TILES * COL_TILES * PIECES) {
    return;
  }
  // Tiles go in bands of BAND tile rows, column by column, so that neighbours share caches.
  let piece = pieceOf(id / (ROW_TILES * COL_TILES));
  let tile = id % (ROW_TILES * COL_TILES);
  let band = tile / (BAND * COL_TILES);
  let inBand = tile % (BAND * COL_TILES);
  let bandRows = min(BAND, ROW_TILES - BAND * band);
  let row0 = (BAND * band + inBand % bandRows) * BM;
  let col0 = inBand / bandRows * BN;

  // The 4 x 4 block (k quad, row or column quad) that this lane copies in every step: neighbouring lanes
  // copy what lies together.
  let ub = select(t, t - BM, SPLIT);
  let isA = t < BM;
  let isB = ub < BN;
  let kA = select(t / (BM / 4), t % 4u, A_ALONG_K);
  let qA = select(t % (BM / 4), t / 4u, A_ALONG_K);
  let kB = select(ub / (BN / 4), ub % 4u, B_K == 1u);
  let qB = select(ub % (BN / 4), ub / 4u, B_K == 1u);
  let rows = rowsOf(piece, row0 + 4u * qA);
  let col = col0 + 4u * qB;
  // Results: a warp makes 4 x 8 quads, which reads the tiles with the fewest bank conflicts.
  let tx = t % 8u + 8u * (t / 32u % (TX / 8));
  let ty = t / 8u % 4u + 4u * (t / 32u / (TX / 8));
  var s00 = mat4x4f();
  var s01 = mat4x4f();
  var s10 = mat4x4f();
  var s11 = mat4x4f();
  // One round more than steps of k: a round loads its step into registers, multiplies the step
  // before, which hides the loads, and stores its own.
  for (var k = piece.begin; k < piece.end + 16u; k += 16u) {
    var v = mat4x4f();
    var u = mat4x4f();
    if (isA) {
      v = blockA(piece, rows, k + 4u * kA);
    } else if (SPLIT && isB) {
      v = blockB(piece, col, k + 4u * kB);
    }
    if (!SPLIT && isB) {
      u = blockB(piece, col, k + 4u * kB);
    }
    if (k > piece.begin) {
      for (var q = 0u; q < 4u + hidden; q++) {
        for (var j = 0u; j < 4u; j++) {
          let ia = q * BM + (ty ^ (2u * q)) + j * (BM / 4);
          let ib = q * BN + (tx ^ (2u * q)) + j * (BN / 4);
          let a0 = tileA[ia];
          let b0 = tileB[ib];
          var a1 = vec4f();
          var b1 = vec4f();
          s00 += outer(a0, b0);
          if (TN > 1) {
            b1 = tileB[ib + TX];
            s01 += outer(a0, b1);
          }
          if (TM > 1) {
            a1 = tileA[ia + BM / 8];
            s10 += outer(a1, b0);
          }
          if (TM > 1 && TN > 1) {
            s11 += outer(a1, b1);
          }
        }
      }
    }
    workgroupBarrier();
    if (isA) {
      let i = kA * BM + (qA ^ (2u * kA));
      tileA[i] = v[0];
      tileA[i + BM / 4] = v[1];
      tileA[i + BM / 2] = v[2];
      tileA[i + 3 * BM / 4] = v[3];
    }
    if (isB) {
      if (!SPLIT) {
        v = u;
      }
      let i = kB * BN + (qB ^ (2u * kB));
      tileB[i] = v[0];
      tileB[i + BN / 4] = v[1];
      tileB[i + BN / 2] = v[2];
      tileB[i + 3 * BN / 4] = v[3];
    }
    workgroupBarrier();
  }
  let top = row0 + 4u * ty;
  let left = col0 + 4u * tx;
  put(piece, s00, top, left);
  if (TN > 1) {
    put(piece, s01, top, left + BN / 2);
  }
  if (TM > 1) {
    put(piece, s10, top + BM / 2, left);
  }
  if (TM > 1 && TN > 1) {
    put(piece, s11, top + BM / 2, left + BN / 2);
  }
}
