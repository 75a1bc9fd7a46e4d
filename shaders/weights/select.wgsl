//! import walk/thread
// Marks the KEEP elements of largest |g| over all parameters; of equal ones those of lowest index.
//
// A radix selection on the bits of |g| (for floats of one sign their order is that of the bits), eight
// bits a pass from the highest: histogram, then pick. STAGE 0 finds the KEEP-th largest value; STAGE 1
// finds, among the elements of just that value, the index up to which they are kept. Exact, and the same
// on every run: counting with integer atomics has no order.
//
// g: N elements of one parameter, whose first has the index FIRST; counts u32 [256], zero at first;
// state: value found so far, how many are still to be taken, index found so far; keep u32 [N]: 1 or 0.
// Constants: none. Sizes and digits stand in a uniform, so that one kernel serves all parameters and passes.
struct Params {
  size: u32, // N
  first: u32, // FIRST
  stage: u32, // STAGE
  shift: u32, // of the digit: 24, 16, 8, 0
}

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read_write> counts: array<atomic<u32>, 256>;
@group(0) @binding(2) var<storage, read_write> state: array<u32>;
@group(0) @binding(3) var<storage, read_write> keep: array<u32>;
@group(0) @binding(4) var<uniform> params: Params;

fn bits(i: u32) -> u32 {
  return bitcast<u32>(abs(g[i]));
}

// Whether two keys agree in the digits above the current one (a shift by 32 bits is not allowed).
fn agree(a: u32, b: u32) -> bool {
  return ((a >> params.shift) >> 8u) == ((b >> params.shift) >> 8u);
}

@compute @workgroup_size(64)
fn histogram(thread: Thread) {
  let i = number_of(thread);
  if (i >= params.size) {
    return;
  }
  let value = bits(i);
  var key = value;
  var candidate = agree(value, state[0]);
  if (params.stage == 1) {
    key = params.first + i;
    candidate = value == state[0] && agree(key, state[2]);
  }
  if (candidate) {
    atomicAdd(&counts[(key >> params.shift) & 255u], 1u);
  }
}

// One thread. STAGE 0 goes down from the largest digit, STAGE 1 up from the smallest index.
@compute @workgroup_size(1)
fn pick() {
  var left = state[1];
  var found = 0u;
  for (var k = 0u; k < 256u; k++) {
    let digit = select(k, 255u - k, params.stage == 0);
    let here = atomicLoad(&counts[digit]);
    if (left <= here) {
      found = digit;
      break;
    }
    left -= here;
  }
  for (var k = 0u; k < 256u; k++) {
    atomicStore(&counts[k], 0u);
  }
  state[1] = left;
  if (params.stage == 0) {
    state[0] |= found << params.shift;
  } else {
    state[2] |= found << params.shift;
  }
}

@compute @workgroup_size(64)
fn mark(thread: Thread) {
  let i = number_of(thread);
  if (i >= params.size) {
    return;
  }
  let value = bits(i);
  let tied = value == state[0] && params.first + i <= state[2];
  keep[i] = select(0u, 1u, value > state[0] || tied);
}
