//! import walk/thread, norm/team, reduce/across
//! needs Lane, LANES, inner
// All gradients of layer normalisation in one pass, for GPUs: those of norm/standardise, with rows as its sets.
//   g = dy gamma, dx = inverse (g - mean(g) - x^ mean(g x^)); dgamma = sum dy x^, dbeta = sum dy over the rows.
// x and dy are read once: a workgroup takes a band of `span` rows, a team of TEAM threads one row at a time, each thread one
// lane of it, whose share of dgamma and dbeta it keeps in registers until the band is done. While a row's means meet in
// workgroup memory, its next one is on the way.
//
// x, dy, dx [rows, C], C = width LANES; gamma [C]; stats [rows]: mean, inverse; partial_gamma, partial_beta [bands, C].
// Constants: TEAM, a power of two from width up to 256. Grid: bands workgroups of 256 threads.
struct Sizes {
  rows: u32,
  width: u32,
  // Rows of a band; the last may have fewer.
  span: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Lane>;
@group(0) @binding(1) var<storage, read> gamma: array<Lane>;
@group(0) @binding(2) var<storage, read> stats: array<vec2f>;
@group(0) @binding(3) var<storage, read> dy: array<Lane>;
@group(0) @binding(4) var<storage, read_write> dx: array<Lane>;
@group(0) @binding(5) var<storage, read_write> partial_gamma: array<Lane>;
@group(0) @binding(6) var<storage, read_write> partial_beta: array<Lane>;
@group(0) @binding(7) var<uniform> sizes: Sizes;

const ONES = Lane(1.0);
const GROUP = 256u;
const ACROSS = TEAM;

// A lane of a row, zeros for a thread that has none: dy, and x^.
struct Own {
  there: bool,
  place: u32,
  inverse: f32,
  g: Lane,
  normal: Lane,
}

fn own_of(row: u32, end: u32, column: u32) -> Own {
  let there = row < end && column < sizes.width;
  let place = select(0u, row * sizes.width + column, there);
  let s = stats[select(0u, row, there)];
  let g = select(Lane(), dy[place], there);
  return Own(there, place, s.y, g, select(Lane(), (x[place] - s.x) * s.y, there));
}

@compute @workgroup_size(256)
fn main(thread: Thread) {
  let band = group_of(thread);
  let column = thread.local % u32(TEAM);
  let first = band * sizes.span + thread.local / u32(TEAM);
  let end = min((band + 1u) * sizes.span, sizes.rows);
  let scale = gamma[min(column, sizes.width - 1u)];
  let elements = f32(sizes.width * LANES);
  let rounds = (sizes.span + DOWN - 1u) / DOWN;
  var along = Lane();
  var plain = Lane();
  var next = own_of(first, end, column);
  // The constant shows the compiler that the loop ends: it adds no guard.
  for (var round = 0u; round < 0xffffffffu; round++) {
    if (round >= rounds) {
      break;
    }
    let own = next;
    next = own_of(first + (round + 1u) * DOWN, end, column);
    plain += own.g;
    along += own.g * own.normal;
    let g = own.g * scale;
    let means = team_sum(vec2f(inner(g, ONES), inner(g, own.normal)), thread.local) / elements;
    if (own.there) {
      dx[own.place] = own.inverse * (g - means.x - own.normal * means.y);
    }
  }
  let of_gamma = across_sum(along, thread.local);
  let of_beta = across_sum(plain, thread.local);
  if (thread.local < sizes.width && thread.local < u32(TEAM)) {
    partial_gamma[band * sizes.width + thread.local] = of_gamma;
    partial_beta[band * sizes.width + thread.local] = of_beta;
  }
}
