//! part
//! needs sizes
// A product that adds the rows of b as well, which its first workgroups of each column read anyway: where c is a weight
// gradient, those sums are the bias gradient. Each piece adds its own steps of k. In a fixed order, whatever the tile.
//
// Gives SUMS, and storeSums, four columns' sums from column `col` on. column_sums [pieces, n], n a multiple of four.
// Constants: none.
@group(0) @binding(11) var<storage, read_write> column_sums: array<vec4f>;

const SUMS = true;

fn storeSums(piece: u32, col: u32, value: vec4f) {
  if (col < sizes.n) {
    column_sums[(piece * sizes.n + col) / 4u] = value;
  }
}
