//! part
//! twin matrix/emulated
//! needs tileA, tileB, LINE_A, LINE_B, results
// Products of 16 x 16 matrices by the matrix units of the adapter, through Dawn's subgroup matrices: halves times halves,
// added in float32. matrix/emulated declares the same names for adapters without such units.
//
// Gives Half4, four halves of a tile, halves, which rounds four floats to them, and floats, which gives them back; Left,
// Right and Sum; loadLeft and loadRight, from a quad of tileA and tileB on; multiplyAdd, l r + s; storeSum, to sixteen rows
// of four quads of `results`. Every lane of a subgroup calls them with the same values, but for `lane`, its number, and `hidden`, which is 0: both
// are used by matrix/emulated alone. An entry point asks for a Group to know its subgroup by subgroupOf(group.id),
// which compilers then see to be the same for all of its lanes, and for a Member to know its lane by laneOf(member.id).
// Constants: none.
enable f16;
enable chromium_experimental_subgroup_matrix;

alias Half4 = vec4<f16>;
alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sum = subgroup_matrix_result<f32, 16, 16>;

struct Group {
  @builtin(subgroup_id) id: u32,
}

struct Member {
  @builtin(subgroup_invocation_id) id: u32,
}

fn subgroupOf(id: u32) -> u32 {
  return id;
}

fn laneOf(id: u32) -> u32 {
  return id;
}

fn halves(v: vec4f) -> Half4 {
  return Half4(v);
}

fn floats(h: Half4) -> vec4f {
  return vec4f(h);
}

fn loadLeft(at: u32, lane: u32) -> Left {
  return subgroupMatrixLoad<Left, col_major>(&tileA, at, LINE_A);
}

fn loadRight(at: u32, lane: u32) -> Right {
  return subgroupMatrixLoad<Right, row_major>(&tileB, at, LINE_B);
}

fn multiplyAdd(l: Left, r: Right, s: Sum, hidden: u32) -> Sum {
  return subgroupMatrixMultiplyAccumulate(l, r, s);
}

fn storeSum(s: Sum, at: u32, lane: u32) {
  subgroupMatrixStore<row_major>(&results, at, s, 4u);
}
