//! part
// The place of a thread in a 1-D grid of workgroups of 64 threads, which is folded into x and y where it is
// long. An entry takes it as its only parameter. Constants: none.
struct Thread {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
}

// Number of the workgroup.
fn group_of(thread: Thread) -> u32 {
  return thread.group.y * thread.groups.x + thread.group.x;
}

// Number of the thread.
fn number_of(thread: Thread) -> u32 {
  return group_of(thread) * 64u + thread.local;
}
