//! part
//! import walk/thread
//! needs Lane, LANES, OWN, hide, attend
// Attention of several heads, what its kernels share: a thread keeps a tile of R rows of one head and of its own
// sequence (queries or keys) and meets the rows of the other sequence one after the other.
//
// q, like y and all gradients of both [B, LQ, HEADS * D]; k, v, like theirs [B, LK, HEADS * D]; D a multiple of
// LANES. Needs: Lane, LANES; OWN, the length of the own sequence; attend(tile), what a thread does.
// Gives: WIDTH, lanes in a row of a head; CELLS, in a tile; TILES, tiles of a sequence; THREADS; Tile, tile_of(i);
// row_at, head_at.
// Constants: B, HEADS, LQ, LK, D, R, SCALE (factor of the scores); SLICES, into which the other sequence is cut.
// Grid: THREADS threads.
@group(0) @binding(0) var<storage, read> q: array<Lane>;
@group(0) @binding(1) var<storage, read> k: array<Lane>;
@group(0) @binding(2) var<storage, read> v: array<Lane>;

const WIDTH = u32(D) / LANES;
const CELLS = u32(R) * WIDTH;
const TILES = (OWN + u32(R) - 1u) / u32(R);
const THREADS = u32(SLICES * B * HEADS) * TILES;

const_assert u32(D) % LANES == 0u;
const_assert R >= 1 && SLICES >= 1;

// What thread i works on: rows row .. row + R - 1 of its own sequence, and a slice of the other.
struct Tile {
  slice: u32,
  batch: u32,
  head: u32,
  row: u32,
}

fn tile_of(i: u32) -> Tile {
  let heads = i / TILES;
  return Tile(
    heads / u32(B * HEADS),
    heads / u32(HEADS) % u32(B),
    heads % u32(HEADS),
    i % TILES * u32(R),
  );
}

// Where a token's part of the head starts, in a tensor of sequences of the given length.
fn row_at(tile: Tile, position: u32, length: u32) -> u32 {
  return ((tile.batch * length + position) * u32(HEADS) + tile.head) * WIDTH;
}

// Where the head starts in lse and delta, [B, HEADS, LQ].
fn head_at(tile: Tile) -> u32 {
  return (tile.batch * u32(HEADS) + tile.head) * u32(LQ);
}

@compute @workgroup_size(64)
fn main(thread: Thread) {
  hide(thread);
  let i = number_of(thread);
  if (i < THREADS) {
    attend(tile_of(i));
  }
}
