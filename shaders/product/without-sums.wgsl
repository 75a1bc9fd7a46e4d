//! part
// A product that does not add the rows of b. Gives SUMS and storeSums, as product/with-sums. Constants: none.
const SUMS = false;

fn storeSums(piece: u32, col: u32, value: vec4f) {}
