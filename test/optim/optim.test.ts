import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../../src/graph/program.ts";
import { Value } from "../../src/graph/value.ts";
import type { AdamSettings } from "../../src/optim/adam.ts";
import { corrections, optimizerLaunch } from "../../src/optim/index.ts";
import type { SgdSettings } from "../../src/optim/sgd.ts";
import { Random } from "../../src/random.ts";
import { close } from "../check-op.ts";
import { closeGpus, testGpu } from "../device.ts";

const size = 192; // three blocks: plain, decayed, frozen
const blocks = Float32Array.of(1, 0, 0.5, 0.01, 0, 0.01);
const rate = 0.01;

/** The update in float64, written from the formulas. */
function reference(
  settings: AdamSettings | SgdSettings,
  state: { p: Float64Array; m: Float64Array; v: Float64Array },
  gradient: Float64Array,
  t: number,
): void {
  const { p, m, v } = state;
  for (let i = 0; i < size; i++) {
    const scale = blocks[2 * Math.floor(i / 64)]!;
    const decay = blocks[2 * Math.floor(i / 64) + 1]!;
    if (scale === 0) continue;
    const lr = rate * scale;
    let g = gradient[i]!;
    if (settings.name === "adam") {
      const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, decoupled = false } = settings;
      if (!decoupled) g += decay * p[i]!;
      m[i] = beta1 * m[i]! + (1 - beta1) * g;
      v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
      if (decoupled) p[i]! -= lr * decay * p[i]!;
      p[i]! -= (lr * (m[i]! / (1 - beta1 ** t))) / (Math.sqrt(v[i]! / (1 - beta2 ** t)) + epsilon);
    } else {
      const { momentum = 0, nesterov = false } = settings;
      g += decay * p[i]!;
      m[i] = momentum * m[i]! + g;
      p[i]! -= lr * (nesterov ? g + momentum * m[i]! : m[i]!);
    }
  }
}

const all: (AdamSettings | SgdSettings)[] = [
  { name: "adam" },
  { name: "adam", beta1: 0.5, beta2: 0.9, epsilon: 1e-3 },
  { name: "adam", decoupled: true },
  { name: "sgd" },
  { name: "sgd", momentum: 0.9 },
  { name: "sgd", momentum: 0.9, nesterov: true },
];

for (const settings of all) {
  test(`${JSON.stringify(settings)} follows its formula for 20 steps; frozen blocks keep their bits`, async () => {
    const gpu = await testGpu();
    const bound = (label: string, n: number, dtype: "f32" | "u32" = "f32") =>
      new Value(label, [n], dtype, "bound");
    const values = {
      parameters: bound("parameters", size),
      gradients: bound("gradients", size),
      first: bound("first", size),
      second: bound("second", size),
      blocks: bound("blocks", blocks.length),
      step: bound("step", 8, "u32"),
    };
    const buffers = await gpu.allocate(
      Object.fromEntries(Object.entries(values).map(([label, value]) => [label, value.bytes])),
    );
    const views = Object.entries(values).map(
      ([label, value]) =>
        [value, { buffer: buffers[label]!, offset: 0, size: value.bytes }] as const,
    );
    const program = await compile(gpu, [optimizerLaunch(settings, values)], {
      label: "test",
      bindings: new Map(views),
    });
    for (let seed = 1; seed <= 5; seed++) {
      const random = new Random(seed);
      const draw = () =>
        Float64Array.from({ length: size }, () => Math.fround(2 * random.float() - 1));
      const state = { p: draw(), m: new Float64Array(size), v: new Float64Array(size) };
      const start = Float32Array.from(state.p);
      gpu.write(buffers["parameters"]!, start);
      gpu.write(buffers["blocks"]!, blocks);
      for (const name of ["first", "second"]) gpu.write(buffers[name]!, new Float32Array(size));
      for (let t = 1; t <= 20; t++) {
        const gradient = draw();
        reference(settings, state, gradient, t);
        const step = new Float32Array(8);
        step.set([rate, ...corrections(settings, t)], 4);
        // A step of no rows, as one is whose gradients were too large for halves, changes neither weights nor moments.
        gpu.write(buffers["gradients"]!, new Float32Array(size).fill(NaN));
        gpu.write(buffers["step"]!, step);
        program.run();
        new Uint32Array(step.buffer)[0] = 1;
        gpu.write(buffers["gradients"]!, Float32Array.from(gradient));
        gpu.write(buffers["step"]!, step);
        program.run();
      }
      const got = await gpu.readFloats(buffers["parameters"]!);
      // 20 updates of at most `rate` each, every one rounded to float32 a few times.
      close(`seed ${seed}`, got, state.p, { absolute: 20 * 8 * 2 ** -24, relative: 1e-6 });
      assert.equal(got.slice(128), start.slice(128));
    }
    program.destroy();
    gpu.free(...Object.values<GPUBuffer>(buffers));
  });
}

test.after(closeGpus);
test.run();
