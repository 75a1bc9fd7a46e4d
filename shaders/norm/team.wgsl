//! part
// Teams of TEAM neighbouring threads a row, whose sums meet in workgroup memory, in a tree of fixed order: for GPUs,
// where neighbouring threads then read neighbouring memory.
// Gives: team_sum(value, local) -> vec2f, for workgroups of 64 threads. Constants: TEAM, a power of two up to 64.
var<workgroup> team_sums: array<vec2f, 64>;

const_assert TEAM <= 64 && 64 % TEAM == 0;

// Sum over the team of a thread; every thread of the workgroup must come here.
fn team_sum(value: vec2f, local: u32) -> vec2f {
  team_sums[local] = value;
  workgroupBarrier();
  for (var reach = u32(TEAM) / 2u; reach > 0u; reach /= 2u) {
    if (local % u32(TEAM) < reach) {
      team_sums[local] += team_sums[local + reach];
    }
    workgroupBarrier();
  }
  let sum = team_sums[local - local % u32(TEAM)];
  // The next sum must not overwrite this one before everyone has read it.
  workgroupBarrier();
  return sum;
}
