//! part
//! needs Sum, storeSum, RESULTS
// Results of matrix/adapter or matrix/emulated on their way to lanes: each subgroup's 16 x 16 at a time.
//
// Gives `results`, RESULTS vec4f that are free between two calls, at least 64 a subgroup, and sixteenth. Constants: none.

var<workgroup> results: array<vec4f, RESULTS>;

// Four rows and columns of each subgroup's result, for the first 16 of its lanes: those from row 4 (lane / 4) and column
// 4 (lane % 4) on, as rows. All threads of the workgroup call it.
fn sixteenth(s: Sum, subgroup: u32, lane: u32) -> mat4x4f {
  workgroupBarrier();
  storeSum(s, 64u * subgroup, lane);
  workgroupBarrier();
  let i = 64u * subgroup + lane % 16u / 4u * 16u + lane % 4u;
  return mat4x4f(results[i], results[i + 4u], results[i + 8u], results[i + 12u]);
}
