//! part
//! import walk/thread
// Loops that may be unrolled, for GPUs: arrays that they index then lie in registers. Names and meaning as in
// walk/rolled. Constants: none.
const hidden = 0u;

fn hide(thread: Thread) {}
