//! part
//! import walk/thread
//! needs slice_of, join, channel_of, element_of
// Batch normalisation, the walk over channels: sums over the rows of each channel in stages of fixed order, and a
// pass over all elements. One thread a channel and slice of rows; neighbouring threads have neighbouring channels.
//
// The first stage (walk_slices) makes two numbers of each slice of `span` rows; `merge` joins FACTOR neighbouring
// slices into one, as often as needed; the kernel joins the rest. walk_rows gives each element its value.
// x, result [rows, C]; partial, slices_out [slices, 2, C]; stats [2, C]: mean, then inverse deviation; gamma [C].
// Needs: slice_of(first, end, c) -> vec2f, the numbers of rows first .. end - 1; join(first, end, c) -> vec2f, of
// slices first .. end - 1, from partial_of; Channel, channel_of(c) -> Channel, what a channel's elements share;
// element_of(channel, at) -> f32, the value of result[at].
// Constants: FACTOR; PER rows a thread in walk_rows. Grid, one thread each: walk_slices slices * C; merge
// ceil(slices / FACTOR) * C; walk_rows ceil(rows / PER) * C. Sizes stand in a uniform, so that one kernel serves all
// shapes.
struct Sizes {
  rows: u32,
  channels: u32, // C
  // Of `span` rows (the last may have fewer), which an entry reads, or writes in the first stage.
  slices: u32,
  span: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> slices_out: array<f32>;
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read_write> result: array<f32>;
@group(0) @binding(12) var<uniform> sizes: Sizes;

const_assert FACTOR > 1 && PER > 0;

fn put_slice(slice: u32, c: u32, numbers: vec2f) {
  slices_out[slice * 2u * sizes.channels + c] = numbers.x;
  slices_out[(slice * 2u + 1u) * sizes.channels + c] = numbers.y;
}

fn partial_of(slice: u32, c: u32) -> vec2f {
  return vec2f(partial[slice * 2u * sizes.channels + c], partial[(slice * 2u + 1u) * sizes.channels + c]);
}

fn walk_slices(thread: Thread) {
  let t = number_of(thread);
  if (t >= sizes.slices * sizes.channels) {
    return;
  }
  let slice = t / sizes.channels;
  let c = t % sizes.channels;
  put_slice(slice, c, slice_of(slice * sizes.span, min((slice + 1u) * sizes.span, sizes.rows), c));
}

@compute @workgroup_size(64)
fn merge(thread: Thread) {
  let t = number_of(thread);
  let slice = t / sizes.channels;
  let c = t % sizes.channels;
  let first = slice * FACTOR;
  if (first >= sizes.slices) {
    return;
  }
  put_slice(slice, c, join(first, min(first + FACTOR, sizes.slices), c));
}

fn walk_rows(thread: Thread) {
  let t = number_of(thread);
  let first = t / sizes.channels * PER;
  if (first >= sizes.rows) {
    return;
  }
  let c = t % sizes.channels;
  let channel = channel_of(c);
  let end = min(first + PER, sizes.rows);
  for (var row = first; row < end; row++) {
    let at = row * sizes.channels + c;
    result[at] = element_of(channel, at);
  }
}
