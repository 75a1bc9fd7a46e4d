// Products of 16 x 16 matrices on matrix units, as product/matrices makes them, without what brings the factors from memory:
// each of eight subgroups makes 2 x 4 results a step. Constants: SHARED = whether the factors of each step come from workgroup
// memory (else they stay in registers); ROUNDS.

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sum = subgroup_matrix_result<f32, 16, 16>;

var<workgroup> rows: array<vec4<f16>, 34 * 32>;
var<workgroup> columns: array<vec4<f16>, 34 * 32>;
var<workgroup> results: array<vec4f, 512>;

@group(0) @binding(0) var<storage, read_write> numbers: array<vec4f>;

struct Group {
  @builtin(subgroup_id) id: u32,
}

fn left(at: u32) -> Left {
  return subgroupMatrixLoad<Left, col_major>(&rows, at, 34u);
}

fn right(at: u32) -> Right {
  return subgroupMatrixLoad<Right, row_major>(&columns, at, 34u);
}

// A quad of the results that all subgroups store.
fn stored(s: Sum, place: u32, t: u32) -> vec4f {
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, place, s, 4u);
  workgroupBarrier();
  return results[t];
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) wid: vec3u, group: Group) {
  for (var i = t; i < 34u * 32u; i += 256u) {
    rows[i] = vec4<f16>(numbers[t]);
    columns[i] = vec4<f16>(numbers[255u - t]);
  }
  workgroupBarrier();
  var s00 = Sum();
  var s01 = Sum();
  var s02 = Sum();
  var s03 = Sum();
  var s10 = Sum();
  var s11 = Sum();
  var s12 = Sum();
  var s13 = Sum();
  var at = 0u;
  var a0 = left(0u);
  var a1 = left(4u);
  var b0 = right(0u);
  var b1 = right(4u);
  var b2 = right(8u);
  var b3 = right(12u);
  for (var round = 0u; round < ROUNDS; round++) {
    if (SHARED) {
      at = round % 2u * 544u + group.id % 2u * 16u;
      a0 = left(at);
      a1 = left(at + 4u);
      b0 = right(at);
      b1 = right(at + 4u);
      b2 = right(at + 8u);
      b3 = right(at + 12u);
    }
    s00 = subgroupMatrixMultiplyAccumulate(a0, b0, s00);
    s01 = subgroupMatrixMultiplyAccumulate(a0, b1, s01);
    s02 = subgroupMatrixMultiplyAccumulate(a0, b2, s02);
    s03 = subgroupMatrixMultiplyAccumulate(a0, b3, s03);
    s10 = subgroupMatrixMultiplyAccumulate(a1, b0, s10);
    s11 = subgroupMatrixMultiplyAccumulate(a1, b1, s11);
    s12 = subgroupMatrixMultiplyAccumulate(a1, b2, s12);
    s13 = subgroupMatrixMultiplyAccumulate(a1, b3, s13);
  }
  // All are used, or compilers leave out what makes them.
  let place = 64u * group.id;
  numbers[256u * (wid.x + 1u) + t] = (stored(s00, place, t) + stored(s01, place, t))
    + (stored(s02, place, t) + stored(s03, place, t))
    + (stored(s10, place, t) + stored(s11, place, t))
    + (stored(s12, place, t) + stored(s13, place, t));
}
