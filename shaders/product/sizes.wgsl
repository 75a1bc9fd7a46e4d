//! part
// Sizes of a product. On a GPU they are constants of the kernel (product/sizes-const), which lets its compiler prove
// indices; on a software adapter, whose compiler is slow, a uniform (product/sizes-uniform), so that one kernel serves all.
// Constants: none.

struct Sizes {
  // c is [m, n]; all pieces together have k steps, the longest piece `longest`.
  m: u32,
  n: u32,
  k: u32,
  longest: u32,
  // Steps of k that one line of a holds.
  run: u32,
  // Products in the dispatch: slices of k, or classes of pixels.
  pieces: u32,
  // How far b's elements are apart, from one step of k and from one column to the next.
  stepB: u32,
  columnB: u32,
  // Images of a convolution, x [N, h, w, cin] and y [N, oh, ow, cout]; 0 for other products.
  h: u32,
  w: u32,
  cin: u32,
  oh: u32,
  ow: u32,
  cout: u32,
  // Rows and columns of the pixels of x in the largest class.
  classH: u32,
  classW: u32,
}
