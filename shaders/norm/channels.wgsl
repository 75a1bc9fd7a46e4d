//! part
//! import walk/thread
//! needs slice_of, join, channel_of, element_of
// Batch normalisation, the walk over channels: sums over the rows of each channel in stages of fixed order, and a
// pass over all elements. One thread a channel and slice of rows; neighbouring threads have neighbouring channels.
//
// The first stage (walk_slices) makes two numbers of each slice of SPAN rows; `merge` joins FACTOR neighbouring
// slices into one, as often as needed; the kernel joins the rest. walk_rows gives each element its value.
// x, result [ROWS, C]; partial, slices_out [slices, 2, C]; stats [2, C]: mean, then inverse deviation; gamma [C].
// Needs: slice_of(first, end, c) -> vec2f, the numbers of rows first .. end - 1; join(first, end, c) -> vec2f, of
// slices first .. end - 1, from partial_of; Channel, channel_of(c) -> Channel, what a channel's elements share;
// element_of(channel, at) -> f32, the value of result[at].
// Constants: ROWS, C; SLICES of SPAN rows (the last may have fewer) that an entry reads, or writes in the first
// stage; FACTOR; PER rows a thread in walk_rows. Grid, one thread each: walk_slices SLICES * C; merge
// ceil(SLICES / FACTOR) * C; walk_rows ceil(ROWS / PER) * C.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> slices_out: array<f32>;
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read_write> result: array<f32>;

const_assert FACTOR > 1 && PER > 0 && SPAN > 0;

fn put_slice(slice: u32, c: u32, numbers: vec2f) {
  slices_out[slice * 2u * C + c] = numbers.x;
  slices_out[(slice * 2u + 1u) * C + c] = numbers.y;
}

fn partial_of(slice: u32, c: u32) -> vec2f {
  return vec2f(partial[slice * 2u * C + c], partial[(slice * 2u + 1u) * C + c]);
}

fn walk_slices(thread: Thread) {
  let t = number_of(thread);
  if (t >= SLICES * C) {
    return;
  }
  let slice = t / C;
  put_slice(slice, t % C, slice_of(slice * SPAN, min((slice + 1u) * SPAN, u32(ROWS)), t % C));
}

@compute @workgroup_size(64)
fn merge(thread: Thread) {
  let t = number_of(thread);
  let first = t / C * FACTOR;
  if (first >= SLICES) {
    return;
  }
  put_slice(t / C, t % C, join(first, min(first + FACTOR, u32(SLICES)), t % C));
}

fn walk_rows(thread: Thread) {
  let t = number_of(thread);
  let first = t / C * PER;
  if (first >= ROWS) {
    return;
  }
  let channel = channel_of(t % C);
  let end = min(first + PER, u32(ROWS));
  for (var row = first; row < end; row++) {
    result[row * C + t % C] = element_of(channel, row * C + t % C);
  }
}
