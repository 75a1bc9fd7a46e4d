//! import walk/thread
// How far a parameter has moved, and how long it is: sums of squares over parts of SPAN of its elements.
//
// x, y: its elements before and after; sums: (sum of (y - x)², sum of x²) of each part; place: its number of elements, and
// the number of its first part. One workgroup a part, whose threads' sums are added in a tree of fixed order.
// Constants: SPAN.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec2f>;
@group(0) @binding(3) var<uniform> place: vec2u;

var<workgroup> partial: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(thread: Thread) {
  let part = group_of(thread);
  let end = min((part + 1u) * u32(SPAN), place.x);
  var own = vec2f();
  for (var i = part * u32(SPAN) + thread.local; i < end; i += 64u) {
    let pair = vec2f(y[i] - x[i], x[i]);
    own += pair * pair;
  }
  partial[thread.local] = own;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread.local < half) {
      partial[thread.local] += partial[thread.local + half];
    }
  }
  // A long grid is folded: its last row has workgroups without a part.
  if (thread.local == 0u && part * u32(SPAN) < place.x) {
    sums[place.y + part] = partial[0];
  }
}
