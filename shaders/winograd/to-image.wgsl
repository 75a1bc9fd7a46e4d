//! import winograd/tiles
//! needs Lane, toOutputs, toWeightGrads
// Transforms of Winograd's convolution that end in an image: one value for each position, [IN IN, tiles, channels], become
// tiles of OUT rows; what lies outside of the image is left out. Every pixel of the tiles' images is written.
//
// WEIGHTS = false: outputs of a convolution, with its bias [channels] where HAS_BIAS. WEIGHTS = true: gradients of weights
// [3, 3, C, K], which are an image of C K channels and one tile.
// Needs a transform (winograd/f2, f3 or f4) and lanes. Constants: WEIGHTS, HAS_BIAS, IN, OUT.
@group(0) @binding(0) var<storage, read> source: array<Lane>;
@group(0) @binding(1) var<storage, read_write> result: array<Lane>;
@group(0) @binding(3) var<storage, read> bias: array<Lane>;

fn line(v: Line) -> Line {
  if (WEIGHTS) {
    return toWeightGrads(v);
  }
  return toOutputs(v);
}

fn at(row: u32, column: u32) -> Lane {
  return source[position(row, column, IN)];
}

fn put(row: u32, column: u32, v: Lane) {
  if (!inside(row, column)) {
    return;
  }
  var sum = v;
  if (HAS_BIAS) {
    sum += bias[place % tiles.channels];
  }
  result[pixel(row, column)] = sum;
}
