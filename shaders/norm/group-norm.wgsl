//! import norm/standardise
// Group normalisation (Wu and He 2018): channels are divided into groups of neighbours, and each group of each example,
// over its channels and pixels, is a set of norm/standardise.
//
// x, y, dy, dx [N, pixels, C]; stats [N, groups]; C / groups a multiple of LANES. Sizes stand in a uniform, so that one
// kernel serves all shapes. Constants: TEAM; AFFINE (boolean): without it gamma is 1 and beta 0. Grid: norm/standardise.
struct Sizes {
  // Groups of all examples.
  all: u32,
  groups: u32,
  pixels: u32,
  // Lanes of a pixel in a group.
  width: u32,
  // Slices of `span` pixels; the last may be shorter.
  slices: u32,
  span: u32,
  epsilon: f32,
}

struct Place {
  index: u32,
  // The first of the group's lanes in x, and in gamma.
  start: u32,
  channel: u32,
  member: u32,
  there: bool,
}

fn place_of(thread: Thread) -> Place {
  let team = number_of(thread) / u32(TEAM);
  let group = min(team, sizes.all - 1u);
  let channel = group % sizes.groups * sizes.width;
  let start = group / sizes.groups * sizes.pixels * columns() + channel;
  return Place(group, start, channel, thread.local % u32(TEAM), team < sizes.all);
}

fn lanes() -> u32 {
  return sizes.pixels * sizes.width;
}

fn lane_at(at: Place, i: u32) -> u32 {
  return at.start + i / sizes.width * columns() + i % sizes.width;
}

fn scaled(value: Lane, at: Place, i: u32) -> Lane {
  if (AFFINE) {
    return value * gamma[at.channel + i % sizes.width];
  }
  return value;
}

fn shifted(value: Lane, at: Place, i: u32) -> Lane {
  if (AFFINE) {
    return value + beta[at.channel + i % sizes.width];
  }
  return value;
}

fn epsilon() -> f32 {
  return sizes.epsilon;
}

fn rows() -> u32 {
  return sizes.all / sizes.groups * sizes.pixels;
}

fn columns() -> u32 {
  return sizes.groups * sizes.width;
}

fn stats_at(row: u32, column: u32) -> vec2f {
  return stats[row / sizes.pixels * sizes.groups + column / sizes.width];
}
