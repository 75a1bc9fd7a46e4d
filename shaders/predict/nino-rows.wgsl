//! import walk/thread
// What NiNo reads and writes (Knyazev et al., ICLR 2025), for a run of weights of one tensor:
//   features: rows[edge, tap · WINDOW + k] = (w_k - mean) / (deviation + 1e-6), oldest first, and behind the TAPS
//     taps a one-hot code of the edge's type; taps that a tensor lacks stay zero;
//   forecast: predicted = ((w_newest - mean) / (deviation + 1e-6) + outputs[edge, tap]) · deviation + mean.
// Weight q of a tensor of I · O = `pairs` edges a tap group is tap q / pairs of edge q % pairs; TAPS taps a row.
// history: WINDOW slices of `stride` floats; statistics: see predict/nino-statistics. One thread a weight.
// Constants: WINDOW snapshots, TAPS, TYPES, WIDTH floats a row.
struct Run {
  first: u32, // of the weights, in the history
  count: u32,
  stride: u32,
  element: u32, // number of the first weight in its tensor
  pairs: u32,
  edge: u32, // first edge of the tensor
  blockFirst: u32, // edges of the block of rows
  blockCount: u32,
  tensor: u32,
  edgeType: u32,
}

@group(0) @binding(0) var<storage, read> history: array<f32>;
@group(0) @binding(1) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(2) var<uniform> run: Run;
@group(0) @binding(3) var<storage, read_write> rows: array<f32>;
@group(0) @binding(4) var<storage, read> outputs: array<f32>;
@group(0) @binding(5) var<storage, read_write> predicted: array<f32>;

// Row (past the block's end where it is not of it) and tap of a weight.
fn place(i: u32) -> vec2u {
  let q = run.element + i;
  let tap = q / run.pairs;
  let edge = run.edge + tap / u32(TAPS) * run.pairs + q % run.pairs;
  if (edge < run.blockFirst) {
    return vec2u(run.blockCount, 0u);
  }
  return vec2u(edge - run.blockFirst, tap % u32(TAPS));
}

@compute @workgroup_size(64)
fn features(thread: Thread) {
  let i = number_of(thread);
  if (i >= run.count) {
    return;
  }
  let at = place(i);
  if (at.x >= run.blockCount) {
    return;
  }
  let m = statistics[run.tensor];
  let start = at.x * u32(WIDTH);
  for (var k = 0u; k < u32(WINDOW); k++) {
    let w = history[k * run.stride + run.first + i];
    rows[start + at.y * u32(WINDOW) + k] = (w - m.x) / (m.y + 1e-6);
  }
  if (at.y == 0u) {
    for (var t = 0u; t < u32(TYPES); t++) {
      rows[start + u32(TAPS * WINDOW) + t] = f32(t == run.edgeType);
    }
  }
}

@compute @workgroup_size(64)
fn forecast(thread: Thread) {
  let i = number_of(thread);
  if (i >= run.count) {
    return;
  }
  let at = place(i);
  if (at.x >= run.blockCount) {
    return;
  }
  let m = statistics[run.tensor];
  let newest = history[u32(WINDOW - 1) * run.stride + run.first + i];
  let scaled = (newest - m.x) / (m.y + 1e-6) + outputs[at.x * u32(TAPS) + at.y];
  predicted[run.first + i] = scaled * m.y + m.x;
}
