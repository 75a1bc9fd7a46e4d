//! import loss/rows
// How far the logits z_b and t_b of two images lie apart, by how far the images do:
// forward: weighted[b] = weights[b] |z_b - t_b| / sqrt(squares[b]);
// backward: dz[b, c] = dloss weights[b] (z_b - t_b)[c] / |z_b - t_b| / sqrt(squares[b]), 0 where they are equal.
//
// z, t, dz [B, C]; squares [B]: squared distances of the images; the rest: see loss/rows. Constants: B rows, C classes.
// Source: Foster et al. (2024).
@group(0) @binding(3) var<storage, read> z: array<f32>;
@group(0) @binding(4) var<storage, read> t: array<f32>;
@group(0) @binding(5) var<storage, read> squares: array<f32>;
@group(0) @binding(6) var<storage, read_write> dz: array<f32>;

alias Logit = f32;
const T = 1.0;

fn logit(b: u32, c: u32) -> f32 {
  return z[b * u32(C) + c] - t[b * u32(C) + c];
}

// The distance of the logits, in place of a row's statistics.
fn statistics(b: u32) -> Exponentials {
  var sum = 0.0;
  for (var c = 0u; c < u32(C); c++) {
    sum += logit(b, c) * logit(b, c);
  }
  return Exponentials(0.0, sqrt(sum));
}

fn loss(b: u32, row: Exponentials) -> f32 {
  return row.sum / sqrt(squares[b]);
}

fn derivative(b: u32, c: u32, row: Exponentials) -> f32 {
  return select(logit(b, c) / row.sum / sqrt(squares[b]), 0.0, row.sum == 0.0);
}

fn put(b: u32, c: u32, gradient: f32) {
  dz[b * u32(C) + c] = gradient;
}
