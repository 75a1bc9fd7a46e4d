//! part
//! import predict/range, walk/thread
//! needs prediction
// One thread a coordinate: predicted = prediction(at), where `at` is its place in a slice of the history.
// The importing file declares prediction(at: u32) -> f32. Constants: none.
@compute @workgroup_size(64)
fn main(thread: Thread) {
  let i = number_of(thread);
  if (i < range.count) {
    predicted[range.outFirst + i] = prediction(range.first + i);
  }
}
