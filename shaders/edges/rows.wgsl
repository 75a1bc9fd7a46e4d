//! part
//! import walk/each
// Kernels that make rows of rows: x [any number, WIDTH], y [ROWS, WIDTH]. One thread a quad of y.
// Constants: ROWS, WIDTH floats a row (a multiple of 4). The importing file declares each(i: u32), which
// writes quad i of y.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

const PER = 1u;
const QUADS_A_ROW = u32(WIDTH) / 4u;

fn items() -> u32 {
  return u32(ROWS) * QUADS_A_ROW;
}

// Row of y that quad i belongs to.
fn row_of(i: u32) -> u32 {
  return i / QUADS_A_ROW;
}

// The quad of row `row` of x in the columns of quad i of y.
fn quad(row: u32, i: u32) -> vec4f {
  return x[row * QUADS_A_ROW + i % QUADS_A_ROW];
}
