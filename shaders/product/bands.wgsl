//! part
//! needs sizes, BAND
// Which tile of a product a workgroup of a GPU makes: bands of BAND tile rows, column by column, so that neighbours
// share caches. Constants: BM x BN = rows and columns of a tile.

const ROW_TILES = (sizes.m + BM - 1u) / BM;
const COL_TILES = (sizes.n + BN - 1u) / BN;

struct Tile {
  // Whether there is such a tile, and of which piece it is.
  inside: bool,
  piece: u32,
  row: u32,
  col: u32,
}

// Tile of workgroup `id`, by its first row and column.
fn tileOf(id: u32) -> Tile {
  let tile = id % (ROW_TILES * COL_TILES);
  let band = tile / (BAND * COL_TILES);
  let inBand = tile % (BAND * COL_TILES);
  let bandRows = min(BAND, ROW_TILES - BAND * band);
  return Tile(
    id < ROW_TILES * COL_TILES * sizes.pieces,
    id / (ROW_TILES * COL_TILES),
    (BAND * band + inBand % bandRows) * BM,
    inBand / bandRows * BN,
  );
}
