//! part
//! import predict/invwnn
// InvWNN's weights as its kernels for GPUs read them, and four neurons of four coordinates. Constants: none.
// weights: packed for "gpu"; offsets below, in vec4f.
@group(0) @binding(3) var<storage, read> weights: array<vec4f>;

// Offsets within a stream: kernels [in][out] and their biases; compress is stored [out][in].
const firstBias = window * 32u;
const secondKernel = firstBias + 32u;
const secondBias = secondKernel + 4096u;
const compressKernel = secondBias + 32u;
const compressBias = compressKernel + 256u;
const linearKernel = compressBias + 2u;
const linearBias = linearKernel + 256u;
const amplitudeKernel = linearBias + 32u;
const amplitudeBias = amplitudeKernel + 256u;
const rateKernel = amplitudeBias + 32u;
const rateBias = rateKernel + 256u;
const thirdKernel = rateBias + 32u;
const thirdBias = thirdKernel + 2048u;
const outputKernel = thirdBias + 16u;
const streamSize = outputKernel + 16u;

// Four neurons for four coordinates.
struct Quad {
  y0: vec4f,
  y1: vec4f,
  y2: vec4f,
  y3: vec4f,
}

fn quad(b: vec4f) -> Quad {
  return Quad(vec4f(b.x), vec4f(b.y), vec4f(b.z), vec4f(b.w));
}

fn grow(q: Quad, x: vec4f, w: vec4f) -> Quad {
  return Quad(fma(x, vec4f(w.x), q.y0), fma(x, vec4f(w.y), q.y1), fma(x, vec4f(w.z), q.y2), fma(x, vec4f(w.w), q.y3));
}

fn bent(q: Quad, slope: f32) -> Quad {
  return Quad(max(q.y0, slope * q.y0), max(q.y1, slope * q.y1), max(q.y2, slope * q.y2), max(q.y3, slope * q.y3));
}

fn gated(l: Quad, a: Quad, r: Quad, y: Quad) -> Quad {
  return Quad(
    l.y0 + a.y0 * exp(r.y0 * y.y0),
    l.y1 + a.y1 * exp(r.y1 * y.y1),
    l.y2 + a.y2 * exp(r.y2 * y.y2),
    l.y3 + a.y3 * exp(r.y3 * y.y3),
  );
}

// The third layer's part of the output.
fn part_of(q: Quad, w: vec4f) -> vec4f {
  return leaky(q.y0) * w.x + leaky(q.y1) * w.y + leaky(q.y2) * w.z + leaky(q.y3) * w.w;
}
