// The small-CNN step in TensorFlow.js on its WebGPU backend, with Adam. Prints one JSON line.
// Usage: node tfjs.mjs [steps]
const steps = Number(globalThis.process?.argv[2] ?? 8);
if (!globalThis.navigator?.gpu) {
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, "navigator", {
    value: { gpu: create([]), userAgent: "node" },
    configurable: true,
  });
}
const { default: tf } = await import("@tensorflow/tfjs");
await import("@tensorflow/tfjs-backend-webgpu");
await tf.setBackend("webgpu");
await tf.ready();

const variable = (shape, deviation) =>
  tf.variable(tf.randomNormal(shape, 0, deviation, "float32", 7));
const w1 = variable([3, 3, 1, 16], 0.3);
const b1 = tf.variable(tf.zeros([16]));
const w2 = variable([3, 3, 16, 32], 0.1);
const b2 = tf.variable(tf.zeros([32]));
const w3 = variable([1568, 10], 0.03);
const b3 = tf.variable(tf.zeros([10]));
const x = tf.randomNormal([64, 28, 28, 1], 0, 1, "float32", 7);
const y = tf.oneHot(
  tf.tensor1d(
    Array.from({ length: 64 }, (_, i) => i % 10),
    "int32",
  ),
  10,
);
const loss = () => {
  let h = tf.add(tf.conv2d(x, w1, 1, "same"), b1);
  h = tf.maxPool(tf.relu(h), 2, 2, "valid");
  h = tf.add(tf.conv2d(h, w2, 1, "same"), b2);
  h = tf.maxPool(tf.relu(h), 2, 2, "valid");
  const logits = tf.add(tf.matMul(tf.reshape(h, [64, 1568]), w3), b3);
  return tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), y), 1)));
};
const optimizer = tf.train.adam(1e-3);
const run = async () => {
  const value = optimizer.minimize(loss, true);
  const [number] = await value.data();
  value.dispose();
  return number;
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
    engine: "TensorFlow.js 4.22 (Adam)",
    ms_per_step: times[times.length >> 1],
    low: times[0],
    high: times.at(-1),
    loss: last,
  }),
);
process.exit(0);
