//! part
// A block of a factor on its way from memory. A core fetches it, multiplies the block before, and only then takes what came
// (blockA, blockB of the parts that read): anything that uses the numbers waits for them where it stands, unless a compiler
// moves it behind the loop of the products. Constants: none.
struct Fetched {
  numbers: mat4x4f,
  inside: vec4<bool>,
}

// The columns that are inside; the others are 0.
fn fetchedColumns(fetched: Fetched) -> mat4x4f {
  return mat4x4f(
    select(vec4f(), fetched.numbers[0], fetched.inside.x),
    select(vec4f(), fetched.numbers[1], fetched.inside.y),
    select(vec4f(), fetched.numbers[2], fetched.inside.z),
    select(vec4f(), fetched.numbers[3], fetched.inside.w),
  );
}
