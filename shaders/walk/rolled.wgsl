//! part
//! import walk/thread
// Loops that stay loops, for software adapters: a driver unrolls a loop whose rounds it knows, and each copy of a
// load or store is a loop over the threads there, which takes seconds to compile.
// An entry calls hide(thread) first; a loop then runs `i < ROUNDS + hidden`. Constants: none.

// Always 0, but the driver does not know.
var<private> hidden: u32;

fn hide(thread: Thread) {
  hidden = thread.groups.z - 1u;
}
