//! part
//! import product/bands, product/fetched
//! needs sizes, pieceOf, rowsOf, A_ALONG_K, fetchA, blockA, B_ALONG_K, fetchB, blockB
//! needs put, SUMS, storeSums
// The tiled matrix product c = a b (+ bias) for GPUs: tiles, barriers and sums; and sums of b's columns where they are asked
// for (product/with-sums, product/without-sums).
//
// c [m, n] is made `pieces` times in one dispatch, each piece over its own steps of k: slices of k, or classes
// of pixels. Where a, b and c lie is the business of operands: of a file that says which elements a block of
// a and b are (gemm/product, conv2d/*) and of product/{a,b,c}-{scalar,vec4}, which read and store them; what is done
// with four rows of results is that of product/rows-gpu or product/pool-gpu.
// Constants: BM x BN = rows and columns a workgroup makes (32, 64 or 128 each, k in steps of 16); TM, TN = row
// and column quads a lane makes (1 or 2: a lane has 4 TM x 4 TN results in registers); WG = lanes a workgroup;
// BUFFERS = tiles of a and of b (1, or 2: copied and read in turn, with one barrier a round instead of two).
// Grid: ceil(m / BM) ceil(n / BN) pieces workgroups, folded into x and y.
// Workgroup memory: 64 BUFFERS (BM + BN) bytes. Made for discrete NVIDIA GPUs, within WebGPU's default limits.

const_assert TM == 1 || (TM == 2 && BM >= 64);
const_assert TN == 1 || (TN == 2 && BN >= 64);
const_assert WG == BM * BN / (16 * TM * TN) && WG <= 256;
const_assert BUFFERS == 1 || BUFFERS == 2;
const_assert BM == 32 || BM == 64 || BM == 128;
const_assert BN == 32 || BN == 64 || BN == 128;

// Whether there are enough lanes for some to copy only a and the others only b.
const SPLIT = WG >= BM + BN;
// A lane copies the block (k quad, row quad) t / A_K_LANES % 4, t / A_QUAD_LANES % (BM / 4) of a: neighbouring
// lanes copy what lies together. Likewise of b, for which lanes are counted from the first that copies b.
const A_K_LANES = select(BM / 4u, 1u, A_ALONG_K);
const A_QUAD_LANES = select(1u, 4u, A_ALONG_K);
const B_K_LANES = select(BN / 4u, 1u, B_ALONG_K);
const B_QUAD_LANES = select(1u, 4u, B_ALONG_K);
const FIRST_B = select(0u, u32(BM), SPLIT);

// Column and row quads of lanes, and how far the second quad of a lane is from the first.
const TX = BN / (4u * TN);
const TY = BM / (4u * TM);
const SECOND_A = select(0u, TY, TM > 1);
const SECOND_B = select(0u, TX, TN > 1);

// Rows of quads whose neighbouring lanes of a warp take turns. Two where a lane has more than 4 x 4 results: eight lanes then
// read two quads of a and four of b instead of one and eight, which is 1 to 3 % faster (H200).
const INTERLEAVE = select(1u, 2u, TM * TN > 1);

// Rounds of 16 steps of k: one more than the longest piece has, see below.
const ROUNDS = (sizes.longest + 15u) / 16u + 1u;

// Tiles of a and b, k-major [16][quads]. Quad q of k step k lies at (q ^ 2 (k / 4)): so lanes that hold
// neighbouring k store without bank conflicts, and no padding breaks the 16 KiB. Indices into the tiles are made
// in `main` of the lane's number, constants and loop variables, by operations whose range a compiler knows
// (hence the % after ^): where it can prove an index to be inside, it adds no clamp.
var<workgroup> tileA: array<vec4f, BUFFERS * 4 * BM>;
var<workgroup> tileB: array<vec4f, BUFFERS * 4 * BN>;

// s plus the rows of a product: a's rows times four columns of b.
fn multiplyAdd(s: mat4x4f, a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(vec4f(a.x), b, s[0]),
    fma(vec4f(a.y), b, s[1]),
    fma(vec4f(a.z), b, s[2]),
    fma(vec4f(a.w), b, s[3]),
  );
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) t: u32,
) {
  let id = wid.y * grid.x + wid.x;
  let hidden = grid.z - 1u; // always 0, but the driver does not know, and so unrolls only four steps
  let tile = tileOf(id);
  if (!tile.inside) {
    return;
  }
  let piece = pieceOf(tile.piece);
  let row0 = tile.row;
  let col0 = tile.col;

  let isA = t < BM;
  let isB = t >= FIRST_B && t < FIRST_B + BN;
  let kA = t / A_K_LANES % 4u;
  let qA = t / A_QUAD_LANES % (BM / 4u);
  let ub = (t + 4u * BN - FIRST_B) % BN;
  let kB = ub / B_K_LANES % 4u;
  let qB = ub / B_QUAD_LANES % (BN / 4u);
  let storeA = kA * BM + (qA ^ (2u * kA)) % (BM / 4u);
  let storeB = kB * BN + (qB ^ (2u * kB)) % (BN / 4u);
  let rows = rowsOf(piece, row0 + 4u * qA);
  let col = col0 + 4u * qB;
  // Results: a warp makes 4 x 8 quads, which reads the tiles with the fewest bank conflicts.
  let tx = t / INTERLEAVE % 8u + 8u * (t / 32u % (TX / 8u));
  let ty = t % INTERLEAVE + INTERLEAVE * (t % 32u / (8u * INTERLEAVE)) + 4u * (t / 32u / (TX / 8u));
  var s00 = mat4x4f();
  var s01 = mat4x4f();
  var s10 = mat4x4f();
  var s11 = mat4x4f();
  let summing = SUMS && row0 == 0u;
  var sumB = vec4f();
  // A round loads its 16 steps of k into registers, multiplies those of the round before, which hides the
  // loads, and stores its own. Every result is one chain of sums over k, in order, whatever the tile.
  for (var round = 0u; round < ROUNDS; round++) {
    let k = piece.begin + 16u * round;
    if (k >= piece.end + 16u) {
      break;
    }
    var v = Fetched();
    var u = Fetched();
    if (isA) {
      v = fetchA(piece, rows, k + 4u * kA);
    } else if (SPLIT && isB) {
      v = fetchB(piece, col, k + 4u * kB);
    }
    if (!SPLIT && isB) {
      u = fetchB(piece, col, k + 4u * kB);
    }
    if (round > 0u) {
      let readable = (round + 1u) % BUFFERS * 4u;
      for (var q = hidden; q < 4u; q++) {
        let fromA = (readable + q % 4u) * BM + (ty ^ (2u * q)) % TY;
        let fromB = (readable + q % 4u) * BN + (tx ^ (2u * q)) % TX;
        for (var j = 0u; j < 4u; j++) {
          let a0 = tileA[fromA + j * (BM / 4u)];
          let a1 = tileA[fromA + j * (BM / 4u) + SECOND_A];
          let b0 = tileB[fromB + j * (BN / 4u)];
          let b1 = tileB[fromB + j * (BN / 4u) + SECOND_B];
          s00 = multiplyAdd(s00, a0, b0);
          if (TN > 1) {
            s01 = multiplyAdd(s01, a0, b1);
          }
          if (TM > 1) {
            s10 = multiplyAdd(s10, a1, b0);
          }
          if (TM > 1 && TN > 1) {
            s11 = multiplyAdd(s11, a1, b1);
          }
        }
      }
    }
    if (BUFFERS == 1) {
      workgroupBarrier();
    }
    let writable = round % BUFFERS * 4u;
    if (isA) {
      let to = writable * BM + storeA;
      let m = blockA(v);
      tileA[to] = m[0];
      tileA[to + BM / 4u] = m[1];
      tileA[to + BM / 2u] = m[2];
      tileA[to + 3u * (BM / 4u)] = m[3];
    }
    if (isB) {
      if (!SPLIT) {
        v = u;
      }
      let m = blockB(v);
      if (summing) {
        sumB += (m[0] + m[1]) + (m[2] + m[3]);
      }
      let to = writable * BN + storeB;
      tileB[to] = m[0];
      tileB[to + BN / 4u] = m[1];
      tileB[to + BN / 2u] = m[2];
      tileB[to + 3u * (BN / 4u)] = m[3];
    }
    workgroupBarrier();
  }
  if (summing) {
    // Nobody reads the tiles any more.
    if (isB) {
      tileB[kB * (BN / 4u) + qB] = sumB;
    }
    workgroupBarrier();
    let quad = t % (BN / 4u);
    if (t == quad) {
      let half = tileB[quad] + tileB[quad + BN / 4u];
      storeSums(tile.piece, col0 + 4u * quad, half + (tileB[quad + BN / 2u] + tileB[quad + 3u * (BN / 4u)]));
    }
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
