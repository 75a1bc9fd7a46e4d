//! import walk/thread
// Images moved within a frame: result[n, i, j, c] = source[n, i + DI, j + DJ, c], and 0 where that lies
// outside the source. DI = -top, DJ = -left pads with zeros; DI = top, DJ = left takes them off again
// (the derivative).
// source [N, H, W, C], result [N, OH, OW, C].
// Constants: N, H, W, OH, OW, C, DI, DJ. One thread four neighbouring elements of the result.
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

fn moved(at: u32) -> f32 {
  let pixel = at / u32(C);
  let i = i32(pixel / u32(OW) % u32(OH)) + DI;
  let j = i32(pixel % u32(OW)) + DJ;
  if (i < 0 || i >= H || j < 0 || j >= W) {
    return 0.0;
  }
  let n = pixel / u32(OW * OH);
  return source[((n * u32(H) + u32(i)) * u32(W) + u32(j)) * u32(C) + at % u32(C)];
}

@compute @workgroup_size(64)
fn main(thread: Thread) {
  let first = 4u * number_of(thread);
  for (var k = 0u; k < 4u; k++) {
    let at = first + k;
    if (at < u32(N * OH * OW * C)) {
      result[at] = moved(at);
    }
  }
}
