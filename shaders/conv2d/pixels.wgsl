//! part
// Rows of a product that are pixels, and the pixels of the other side that a tap connects with them: what the
// convolution forward and its input gradient share. k runs over taps and, under each, the channels. Constants: none.

const A_ALONG_K = true;

// Row, column and index of the pixels that tap 0 connects with four rows. Outside above and left, they wrap to
// large numbers; what is added or taken away for a tap wraps back.
struct Rows {
  h: vec4u,
  w: vec4u,
  i: vec4u,
}

// Index of channel 0 of the pixels that a tap connects, 0 if there is none.
struct Line {
  i: vec4u,
  inside: vec4<bool>,
}

fn lineOf(i: vec4u, inside: vec4<bool>) -> Line {
  return Line(select(vec4u(), i, inside), inside);
}

fn indexA(line: Line, channel: u32) -> vec4u {
  return line.i + channel;
}

fn insideA(line: Line, channel: u32) -> vec4<bool> {
  return line.inside;
}
