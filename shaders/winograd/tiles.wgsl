//! part
//! import winograd/grid
// Images cut into tiles, for the transforms of Winograd's convolution. A thread takes one lane of channels of one tile;
// neighbouring threads have neighbouring channels. Constants: IN, OUT = rows and columns of what is read and written.
// Grid: threads = tiles (channels / LANES), 64 a workgroup, folded into x and y.

struct Tiles {
  // The image [images, height, width, channels]; channels in lanes.
  height: u32,
  width: u32,
  channels: u32,
  // Tiles in a row and in a column of them, in one image.
  across: u32,
  down: u32,
  // Tiles in all, and the number of the first image of these.
  count: u32,
  first: u32,
  // Rows and columns from one tile to the next, and those above and left of the image that the first begins with.
  step: u32,
  top: u32,
  left: u32,
}

@group(0) @binding(2) var<uniform> tiles: Tiles;

// Where the thread's tile begins: its row and column, which wrap above and left of the image, the lane of its image that
// they count from, and its own place in a position.
var<private> row0: u32;
var<private> column0: u32;
var<private> image: u32;
var<private> place: u32;

fn inside(row: u32, column: u32) -> bool {
  return row0 + row < tiles.height && column0 + column < tiles.width;
}

// Index of a pixel of the tile that is inside.
fn pixel(row: u32, column: u32) -> u32 {
  return image + ((row0 + row) * tiles.width + column0 + column) * tiles.channels;
}

// Index of the tile's lane at a position of the `side` x `side`.
fn position(row: u32, column: u32, side: u32) -> u32 {
  return (row * side + column) * (tiles.count * tiles.channels) + place;
}

@compute @workgroup_size(64)
fn main(thread: Thread) {
  place = number_of(thread);
  let channel = place % tiles.channels;
  let tile = place / tiles.channels;
  if (tile >= tiles.count) {
    return;
  }
  let n = tiles.first + tile / (tiles.across * tiles.down);
  row0 = tile / tiles.across % tiles.down * tiles.step - tiles.top;
  column0 = tile % tiles.across * tiles.step - tiles.left;
  image = n * (tiles.height * tiles.width * tiles.channels) + channel;
  transform();
}
