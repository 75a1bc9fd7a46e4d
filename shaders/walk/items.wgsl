//! part
//! import walk/rolled
//! needs items, PER, each
// Calls each(i) for every item i < items(): PER items a thread, 64 apart, so that neighbouring threads touch
// neighbouring memory. Grid: ceil(items() / PER) threads.
// Constants: PER (graph/elementwise.ts); the importing file declares items() -> u32 and each.
fn walk(thread: Thread) {
  if (PER == 1) {
    visit(thread, 0u);
    return;
  }
  hide(thread);
  for (var k = 0u; k < u32(PER) + hidden; k++) {
    visit(thread, k);
  }
}

// Item k of a thread.
fn visit(thread: Thread, k: u32) {
  let i = group_of(thread) * (64u * u32(PER)) + 64u * k + thread.local;
  if (i < items()) {
    each(i);
  }
}
