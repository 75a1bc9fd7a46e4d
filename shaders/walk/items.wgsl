//! part
//! import walk/thread
//! needs COUNT, PER, each
// Calls each(i) for every item i < COUNT: PER items a thread, 64 apart, so that neighbouring threads touch
// neighbouring memory. Grid: ceil(COUNT / PER) threads.
// Constants: PER (graph/elementwise.ts); the importing file declares COUNT (u32) and each.
fn walk(thread: Thread) {
  for (var k = 0u; k < u32(PER); k++) {
    let i = group_of(thread) * (64u * u32(PER)) + 64u * k + thread.local;
    if (i < COUNT) {
      each(i);
    }
  }
}
