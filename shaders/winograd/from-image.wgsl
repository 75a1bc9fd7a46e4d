//! import winograd/tiles
//! needs Lane, ofInputs, ofWeights, ofOutputGrads
// Transforms of Winograd's convolution that begin with an image: its tiles, which may overlap, become one value for each
// position: to [OUT OUT, tiles, channels] from `image`, which is 0 outside.
//
// KIND 0: the inputs of a convolution, whose tiles have OUT rows and are OUT - 2 apart. KIND 1: weights [3, 3, C, K],
// which are an image of C K channels and one tile. KIND 2: gradients of the outputs, IN rows a tile.
// TURNED (of weights only): those of the input gradient, turned by 180 degrees and with channels exchanged: to [OUT OUT,
// K, C] by lanes of one float; tiles.count is K, tiles.channels C then, and the image as above.
// Needs a transform (winograd/f2, f3 or f4) and lanes. Constants: KIND, TURNED, IN, OUT.
@group(0) @binding(0) var<storage, read> source: array<Lane>;
@group(0) @binding(1) var<storage, read_write> result: array<Lane>;

fn line(v: Line) -> Line {
  if (KIND == 0) {
    return ofInputs(v);
  }
  if (KIND == 1) {
    return ofWeights(v);
  }
  return ofOutputGrads(v);
}

fn at(row: u32, column: u32) -> Lane {
  if (TURNED) {
    let channel = place % tiles.channels * tiles.count + place / tiles.channels;
    return source[(8u - 3u * row - column) * (tiles.count * tiles.channels) + channel];
  }
  let there = inside(row, column);
  return select(Lane(), source[select(0u, pixel(row, column), there)], there);
}

fn put(row: u32, column: u32, v: Lane) {
  result[position(row, column, OUT)] = v;
}
