//! import walk/thread
//! needs Lane
// Bilinear enlargement of images to twice their height and width, with half-pixel centres and the border's pixels
// repeated outside: on each axis a pixel of y takes 3/4 of the pixel of x it lies in and 1/4 of the next nearest.
// backward, as a gather: a pixel of dx takes 3/4, 3/4, 1/4 and 1/4 of the four nearest pixels of dy on each axis.
//
// x, dx [images, height, width, C]; y, dy [images, 2 height, 2 width, C]; C a multiple of a lane.
// Sizes stand in a uniform, so that one kernel serves all shapes. Constants: none. Grid: a thread a lane of y
// (forward) or dx (backward).
struct Sizes {
  images: u32,
  height: u32,
  width: u32,
  // Lanes of a pixel.
  lanes: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Lane>;
@group(0) @binding(1) var<storage, read_write> y: array<Lane>;
@group(0) @binding(2) var<storage, read> dy: array<Lane>;
@group(0) @binding(3) var<storage, read_write> dx: array<Lane>;
@group(0) @binding(7) var<uniform> sizes: Sizes;

// Along an axis: the pixel that a pixel of y lies in, and the next nearest.
fn nearest(at: u32, length: u32) -> vec2u {
  let own = at / 2u;
  return vec2u(own, select(max(own, 1u) - 1u, min(own + 1u, length - 1u), at % 2u == 1u));
}

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  let i = number_of(thread);
  let pixel = i / sizes.lanes;
  let n = pixel / (4u * sizes.height * sizes.width);
  if (n >= sizes.images) {
    return;
  }
  let rows = nearest(pixel / (2u * sizes.width) % (2u * sizes.height), sizes.height);
  let columns = nearest(pixel % (2u * sizes.width), sizes.width) * sizes.lanes + i % sizes.lanes;
  let own = (n * sizes.height + rows.x) * sizes.width * sizes.lanes;
  let other = (n * sizes.height + rows.y) * sizes.width * sizes.lanes;
  y[i] = 0.75 * (0.75 * x[own + columns.x] + 0.25 * x[own + columns.y])
    + 0.25 * (0.75 * x[other + columns.x] + 0.25 * x[other + columns.y]);
}

// Weight of the k-th of the four nearest pixels of dy, which begin one before the two that lie in the pixel.
fn weight(k: u32) -> f32 {
  return select(0.75, 0.25, k == 0u || k == 3u);
}

@compute @workgroup_size(64)
fn backward(thread: Thread) {
  let i = number_of(thread);
  let pixel = i / sizes.lanes;
  let n = pixel / (sizes.height * sizes.width);
  if (n >= sizes.images) {
    return;
  }
  let top = 2u * (pixel / sizes.width % sizes.height);
  let left = 2u * (pixel % sizes.width);
  var sum = Lane();
  for (var j = 0u; j < 4u; j++) {
    let row = clamp(top + j, 1u, 2u * sizes.height) - 1u;
    let start = (2u * n * sizes.height + row) * 2u * sizes.width;
    var along = Lane();
    for (var k = 0u; k < 4u; k++) {
      let column = clamp(left + k, 1u, 2u * sizes.width) - 1u;
      along += weight(k) * dy[(start + column) * sizes.lanes + i % sizes.lanes];
    }
    sum += weight(j) * along;
  }
  dx[i] = sum;
}
