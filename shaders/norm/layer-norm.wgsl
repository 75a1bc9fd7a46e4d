//! import norm/standardise
// Layer normalisation over the last axis (Ba, Kiros and Hinton 2016): a row is a set of norm/standardise.
//
// x, y, dy, dx [rows, C]; C = width LANES. Sizes stand in a uniform, so that one kernel serves all.
// Constants: EPSILON, TEAM. Grid: norm/standardise.
struct Sizes {
  rows: u32,
  width: u32,
  // Slices of `span` rows; the last may be shorter.
  slices: u32,
  span: u32,
}

struct Place {
  index: u32,
  // The first of the row's lanes.
  start: u32,
  member: u32,
  there: bool,
}

fn place_of(thread: Thread) -> Place {
  let team = number_of(thread) / u32(TEAM);
  let row = min(team, sizes.rows - 1u);
  return Place(row, row * sizes.width, thread.local % u32(TEAM), team < sizes.rows);
}

fn lanes() -> u32 {
  return sizes.width;
}

fn lane_at(at: Place, i: u32) -> u32 {
  return at.start + i;
}

fn scaled(value: Lane, at: Place, i: u32) -> Lane {
  return value * gamma[i];
}

fn shifted(value: Lane, at: Place, i: u32) -> Lane {
  return value + beta[i];
}

fn epsilon() -> f32 {
  return f32(EPSILON);
}

fn rows() -> u32 {
  return sizes.rows;
}

fn columns() -> u32 {
  return sizes.width;
}

fn stats_at(row: u32, column: u32) -> vec2f {
  return stats[row];
}
