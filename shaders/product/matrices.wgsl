//! part
//! import product/bands, product/fetched, matrix/results
//! needs sizes, Piece, pieceOf, rowsOf, A_ALONG_K, fetchA, blockA, B_ALONG_K, fetchB, blockB
//! needs put, SUMS, storeSums, Half4, Sum, Group, Member, subgroupOf, laneOf, halves, loadLeft, loadRight, multiplyAdd
// The tiled matrix product c = a b (+ bias) for GPUs with matrix units: a and b are rounded to halves where they are
// copied into tiles, products are added in float32.
//
// Operands, pieces, what is done with results and sums of b's columns (not rounded) are those of product/gpu; the 16 x 16 products are those of
// matrix/adapter or matrix/emulated.
// Constants: BM x BN = rows and columns a workgroup makes (32, 64 or 128, k in steps of 32); FM x FN = results of
// 16 x 16 a subgroup of 32 lanes makes of them (1 or 2; 1, 2 or 4); WG = lanes a workgroup; BUFFERS = tiles of a and of b
// (1, or 2: copied and read in turn, with one barrier a round).
// Grid: ceil(m / BM) ceil(n / BN) pieces workgroups, folded into x and y.
// Workgroup memory: 64 BUFFERS (BM + BN + 16) bytes, and 1 KiB a subgroup.

const_assert FM == 1 || FM == 2;
const_assert FN == 1 || FN == 2 || FN == 4;
const_assert BM == 32 || BM == 64 || BM == 128;
const_assert BN == 32 || BN == 64 || BN == 128;
// A lane copies one block of each tile at most.
const_assert WG == BM * BN / (8 * FM * FN) && WG >= 2 * BM && WG >= 2 * BN && WG <= 256;
const_assert BUFFERS == 1 || BUFFERS == 2;

// A lane copies the block (k quad, row quad) t / A_K_LANES % 8, t / A_QUAD_LANES % (BM / 4) of a: neighbouring
// lanes copy what lies together. Likewise of b.
const A_K_LANES = select(BM / 4u, 1u, A_ALONG_K);
const A_QUAD_LANES = select(1u, 8u, A_ALONG_K);
const B_K_LANES = select(BN / 4u, 1u, B_ALONG_K);
const B_QUAD_LANES = select(1u, 8u, B_ALONG_K);

// Tiles are k-major. Quads from one step of k to the next: two more than there are, against bank conflicts.
const LINE_A = BM / 4u + 2u;
const LINE_B = BN / 4u + 2u;
var<workgroup> tileA: array<Half4, BUFFERS * 32 * (BM / 4 + 2)>;
var<workgroup> tileB: array<Half4, BUFFERS * 32 * (BN / 4 + 2)>;
const RESULTS = 2u * WG;

// Subgroups side by side.
const ACROSS = BN / (16u * FN);

// Rounds of 32 steps of k: one more than the longest piece has, as a round multiplies what the one before copied.
const ROUNDS = (sizes.longest + 31u) / 32u + 1u;

// Stores the result of each subgroup whose first row and column are given: half of the lanes, four rows and columns each.
fn putSum(piece: Piece, s: Sum, subgroup: u32, lane: u32, row: u32, col: u32) {
  let rows = sixteenth(s, subgroup, lane);
  if (lane < 16u) {
    let top = row + lane / 4u * 4u;
    let left = col + lane % 4u * 4u;
    put(piece, rows, top, left);
  }
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) t: u32,
  group: Group,
  member: Member,
) {
  let hidden = grid.z - 1u; // always 0, but the driver does not know
  let tile = tileOf(wid.y * grid.x + wid.x);
  if (!tile.inside) {
    return;
  }
  let piece = pieceOf(tile.piece);
  let kA = t / A_K_LANES % 8u;
  let qA = t / A_QUAD_LANES % (BM / 4u);
  let kB = t / B_K_LANES % 8u;
  let qB = t / B_QUAD_LANES % (BN / 4u);
  let rows = rowsOf(piece, tile.row + 4u * qA);
  let col = tile.col + 4u * qB;
  let subgroup = subgroupOf(group.id);
  let lane = laneOf(member.id);
  let top = subgroup / ACROSS * (16u * FM);
  let left = subgroup % ACROSS * (16u * FN);
  var s00 = Sum();
  var s01 = Sum();
  var s02 = Sum();
  var s03 = Sum();
  var s10 = Sum();
  var s11 = Sum();
  var s12 = Sum();
  var s13 = Sum();
  let summing = SUMS && tile.row == 0u;
  var sumB = vec4f();
  for (var round = 0u; round < ROUNDS; round++) {
    let k = piece.begin + 32u * round;
    if (k >= piece.end + 32u) {
      break;
    }
    var fetchedA = Fetched();
    var fetchedB = Fetched();
    if (t < 2u * BM) {
      fetchedA = fetchA(piece, rows, k + 4u * kA);
    }
    if (t < 2u * BN) {
      fetchedB = fetchB(piece, col, k + 4u * kB);
    }
    if (round > 0u) {
      let readable = (round - 1u) % BUFFERS * 32u;
      for (var half = 16u * hidden; half < 32u; half += 16u) {
        let fromA = (readable + half) * LINE_A + top / 4u;
        let fromB = (readable + half) * LINE_B + left / 4u;
        let a0 = loadLeft(fromA, lane);
        var a1 = a0;
        if (FM > 1) {
          a1 = loadLeft(fromA + 4u, lane);
        }
        let b0 = loadRight(fromB, lane);
        s00 = multiplyAdd(a0, b0, s00, hidden);
        if (FM > 1) {
          s10 = multiplyAdd(a1, b0, s10, hidden);
        }
        if (FN > 1) {
          let b1 = loadRight(fromB + 4u, lane);
          s01 = multiplyAdd(a0, b1, s01, hidden);
          if (FM > 1) {
            s11 = multiplyAdd(a1, b1, s11, hidden);
          }
        }
        if (FN > 2) {
          let b2 = loadRight(fromB + 8u, lane);
          let b3 = loadRight(fromB + 12u, lane);
          s02 = multiplyAdd(a0, b2, s02, hidden);
          s03 = multiplyAdd(a0, b3, s03, hidden);
          if (FM > 1) {
            s12 = multiplyAdd(a1, b2, s12, hidden);
            s13 = multiplyAdd(a1, b3, s13, hidden);
          }
        }
      }
    }
    if (BUFFERS == 1) {
      workgroupBarrier();
    }
    let writable = round % BUFFERS * 32u;
    if (t < 2u * BM) {
      let to = (writable + 4u * kA) * LINE_A + qA;
      let v = blockA(fetchedA);
      tileA[to] = halves(v[0]);
      tileA[to + LINE_A] = halves(v[1]);
      tileA[to + 2u * LINE_A] = halves(v[2]);
      tileA[to + 3u * LINE_A] = halves(v[3]);
    }
    if (t < 2u * BN) {
      let to = (writable + 4u * kB) * LINE_B + qB;
      let u = blockB(fetchedB);
      tileB[to] = halves(u[0]);
      tileB[to + LINE_B] = halves(u[1]);
      tileB[to + 2u * LINE_B] = halves(u[2]);
      tileB[to + 3u * LINE_B] = halves(u[3]);
      if (summing) {
        sumB += (u[0] + u[1]) + (u[2] + u[3]);
      }
    }
    workgroupBarrier();
  }
  if (summing) {
    if (t < 2u * BN) {
      results[kB * (BN / 4u) + qB] = sumB;
    }
    workgroupBarrier();
    let quad = t % (BN / 4u);
    if (t == quad) {
      var sum = results[quad];
      for (var i = 1u; i < 8u; i++) {
        sum += results[i * (BN / 4u) + quad];
      }
      storeSums(tile.piece, tile.col + 4u * quad, sum);
    }
  }
  let row = tile.row + top;
  let column = tile.col + left;
  putSum(piece, s00, subgroup, lane, row, column);
  if (FN > 1) {
    putSum(piece, s01, subgroup, lane, row, column + 16u);
  }
  if (FN > 2) {
    putSum(piece, s02, subgroup, lane, row, column + 32u);
    putSum(piece, s03, subgroup, lane, row, column + 48u);
  }
  if (FM > 1) {
    putSum(piece, s10, subgroup, lane, row + 16u, column);
    if (FN > 1) {
      putSum(piece, s11, subgroup, lane, row + 16u, column + 16u);
    }
    if (FN > 2) {
      putSum(piece, s12, subgroup, lane, row + 16u, column + 32u);
      putSum(piece, s13, subgroup, lane, row + 16u, column + 48u);
    }
  }
}
