// The small-CNN step in jax-js: forward, backward and a plain SGD update, all in one jit (less work than
// Adam, so the comparison favours jax-js). Prints one JSON line. Usage: node jax.mjs [steps]
const steps = Number(globalThis.process?.argv[2] ?? 8);
if (!globalThis.navigator?.gpu) {
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, "navigator", {
    value: { gpu: create([]), userAgent: "node" },
    configurable: true,
  });
}
const {
  init,
  defaultDevice,
  jit,
  lax,
  nn,
  numpy: np,
  tree,
  valueAndGrad,
} = await import("@jax-js/jax");
await init("webgpu");
defaultDevice("webgpu");

const random = (shape, scale) => {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from(
    { length: size },
    (_, i) => scale * Math.sin(12.9898 * (i + 1) + size),
  );
  return np.array(values).reshape(shape);
};
const pool = (x) => {
  const [n, c, h, w] = x.shape;
  return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
};
const same = [
  [1, 1],
  [1, 1],
];
const predict = (p, x) => {
  let h = lax.convGeneralDilated(x, p.w1, [1, 1], same).add(p.b1);
  h = pool(nn.relu(h));
  h = lax.convGeneralDilated(h, p.w2, [1, 1], same).add(p.b2);
  h = pool(nn.relu(h));
  return np.dot(h.reshape([64, 1568]), p.w3).add(p.b3);
};
const loss = (p, x, y) => np.sum(nn.logSoftmax(predict(p, x)).mul(y)).mul(-1 / 64);
const step = jit((p, x, y) => {
  const [value, gradient] = valueAndGrad(loss)(tree.ref(p), x, y);
  return [tree.map((a, g) => a.sub(g.mul(1e-3)), p, gradient), value];
});
let parameters = {
  w1: random([16, 1, 3, 3], 0.3),
  b1: np.zeros([16, 1, 1]),
  w2: random([32, 16, 3, 3], 0.1),
  b2: np.zeros([32, 1, 1]),
  w3: random([1568, 10], 0.03),
  b3: np.zeros([10]),
};
const x = random([64, 1, 28, 28], 1);
const labels = np.array(
  Int32Array.from({ length: 64 }, (_, i) => i % 10),
  { dtype: np.int32 },
);
const y = nn.oneHot(labels, 10);
const run = async () => {
  const [next, value] = step(parameters, x.ref, y.ref);
  parameters = next;
  return (await value.data())[0];
};
for (let i = 0; i < 3; i++) await run();
const times = [];
let last = 0;
for (let i = 0; i < steps; i++) {
  const start = performance.now();
  last = await run();
  times.push(performance.now() - start);
}
times.sort((a, b) => a - b);
console.log(
  JSON.stringify({
    engine: "jax-js 0.1.25 (SGD)",
    ms_per_step: times[times.length >> 1],
    low: times[0],
    high: times.at(-1),
    loss: last,
  }),
);
(globalThis.Deno ?? process).exit(0);
