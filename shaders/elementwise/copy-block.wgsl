//! import walk/each
//! needs Lane, LANES
// Copies a block of rows: y[r y_stride + y_offset + j] = x[r x_stride + x_offset + j], r < rows, j
// < width. Concatenation and its derivative.
// Sizes count floats, are multiples of LANES and stand in a uniform, so that one kernel serves all blocks.
// Constants: PER lanes a thread.
struct Place {
  rows: u32,
  width: u32,
  x_stride: u32,
  x_offset: u32,
  y_stride: u32,
  y_offset: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Lane>;
@group(0) @binding(1) var<storage, read_write> y: array<Lane>;
@group(0) @binding(7) var<uniform> place: Place;

fn lanes_a_row() -> u32 {
  return place.width / LANES;
}

fn items() -> u32 {
  return place.rows * lanes_a_row();
}

fn each(i: u32) {
  let row = i / lanes_a_row();
  let j = i % lanes_a_row();
  y[(row * place.y_stride + place.y_offset) / LANES + j] =
    x[(row * place.x_stride + place.x_offset) / LANES + j];
}
