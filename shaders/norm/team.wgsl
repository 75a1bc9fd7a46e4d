//! part
//! needs GROUP
// Teams of TEAM neighbouring threads a row, whose sums meet in workgroup memory, in a tree of fixed order: for GPUs,
// where neighbouring threads then read neighbouring memory.
// Gives: team_sum(value, local) -> vec2f, for workgroups of GROUP threads. Constants: TEAM, a power of two up to GROUP.
var<workgroup> team_sums: array<vec2f, GROUP>;

// Levels of the tree.
const LEVELS = firstTrailingBit(u32(TEAM));

const_assert TEAM <= GROUP && GROUP % TEAM == 0;

// Sum over the team of a thread; every thread of the workgroup must come here.
fn team_sum(value: vec2f, local: u32) -> vec2f {
  let at = local % GROUP; // all of it, but so a compiler knows the range of indices
  team_sums[at] = value;
  workgroupBarrier();
  for (var level = 1u; level <= LEVELS; level++) {
    let reach = u32(TEAM) >> level;
    if (at % u32(TEAM) < reach) {
      team_sums[at] += team_sums[(at + reach) % GROUP];
    }
    workgroupBarrier();
  }
  let sum = team_sums[at / u32(TEAM) * u32(TEAM)];
  // The next sum must not overwrite this one before everyone has read it.
  workgroupBarrier();
  return sum;
}
