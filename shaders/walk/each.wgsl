//! part
//! import walk/items
// A kernel that is nothing but each(i) of every item: entry main. Constants: those of walk/items.
@compute @workgroup_size(64)
fn main(thread: Thread) {
  walk(thread);
}
