import { test } from "uvu";
import * as assert from "uvu/assert";
import { Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/program.ts";
import { gelu } from "../../src/ops/activations.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

/**
 * The error function in float64. |x| < 3: its Maclaurin series with positive terms (Abramowitz and
 * Stegun 7.1.6), 80 of them; beyond: the continued fraction of erfc (7.1.14), from the inside.
 */
function erf(x: number): number {
  const z = Math.abs(x);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 80; n++) {
      term *= (2 * z * z) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
  }
  return Math.sign(x) * (1 - erfc(z));
}

function erfc(z: number): number {
  let fraction = z;
  for (let n = 60; n > 0; n--) fraction = z + n / 2 / fraction;
  return Math.exp(-z * z) / Math.sqrt(Math.PI) / fraction;
}

/** Normal distribution function; the tail has its own digits. */
function phi(x: number): number {
  return x < -3 * Math.SQRT2 ? 0.5 * erfc(-x / Math.SQRT2) : 0.5 * (1 + erf(x / Math.SQRT2));
}

function tanhPhi(x: number): number {
  return 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

const forms = [
  ["none", phi],
  ["tanh", tanhPhi],
] as const;

const shapes = [[1], [3], [7, 5], [2, 3, 4, 5], [13, 17, 4], [1037]];

test("the float64 error function meets published values", () => {
  // Abramowitz and Stegun, table 7.1; the last two are computed by the continued fraction.
  for (const [x, value] of [
    [0.5, 0.5204998778],
    [1, 0.8427007929],
    [2, 0.995322265],
    [2.5, 0.999593048],
    [3, 0.9999779095],
    [3.5, 0.9999992569],
  ] as const) {
    assert.ok(Math.abs(erf(x) - value) < 1.1e-9, `erf(${x}) = ${erf(x)}`);
  }
});

test("gelu matches in both forms", async () => {
  for (const [approximate, probability] of forms) {
    for (const shape of shapes) {
      for (const range of [
        [-3, 3],
        [-10, 10],
        [-1e-3, 1e-3],
      ] as const) {
        await checkOp({
          label: `gelu ${approximate} [${shape.join(", ")}]`,
          inputs: [{ shape, range }],
          build: ([x]) => gelu(x!, { approximate }),
          reference: ([x]) => x!.map((v) => v * probability(v)),
          // |x| times the 1e-7 of P; in the derivative x P' adds x^2 / 2 roundings of an exponential
          // that is at most 0.3, some 1e-7. Relative: three roundings.
          tolerance: { absolute: 1e-7 * Math.max(2, range[1]) + 1e-9, relative: 4e-7 },
          seeds: 2,
        });
      }
    }
  }
});

/** gelu of given numbers, and its derivative. */
async function evaluate(
  tuning: (typeof tunings)[number],
  approximate: "none" | "tanh",
  values: Float32Array,
): Promise<{ y: Float32Array; dx: Float32Array }> {
  const gpu = await testGpu({ tuning });
  const graph = new Graph(tuning);
  const [x, c, dx] = [0, 1, 2].map((i) => graph.input(`v${i}`, [values.length]));
  const y = gelu(x!, { approximate });
  const targets = new Map([[x!, dx!]]);
  const { launches } = graph.backward(y, [x!], { cotangent: c!, targets });
  const size = x!.bytes;
  const buffers = await gpu.allocate({ x: size, c: size, dx: size });
  gpu.write(buffers.x, values);
  gpu.write(buffers.c, new Float32Array(values.length).fill(1));
  const program = await compile(gpu, [...graph.forward(), ...launches], {
    label: "gelu",
    bindings: new Map([
      [x!, { buffer: buffers.x, offset: 0, size }],
      [c!, { buffer: buffers.c, offset: 0, size }],
      [dx!, { buffer: buffers.dx, offset: 0, size }],
    ]),
    keep: [y],
  });
  program.run();
  const got = {
    y: await gpu.readFloats(program.view(y)),
    dx: await gpu.readFloats({ buffer: buffers.dx, offset: 0, size }),
  };
  program.destroy();
  gpu.free(...Object.values<GPUBuffer>(buffers));
  return got;
}

test("the error function behind gelu errs by at most 2e-7 on [-10, 10]", async () => {
  // y = x (1 + erf) / 2 rounded once: what y is off by beyond that is |x| / 2 times the error of erf.
  const values = Float32Array.from({ length: 40_001 }, (_, i) => (i - 20_000) / 2000);
  for (const tuning of tunings) {
    const { y } = await evaluate(tuning, "none", values);
    let worst = 0;
    values.forEach((x, i) => {
      if (x === 0) return;
      const off = Math.abs(y[i]! - x * phi(x)) - 2 ** -24 * Math.abs(y[i]!);
      worst = Math.max(worst, (2 * off) / Math.abs(x));
    });
    assert.ok(worst <= 2e-7, `${tuning}: ${worst}`);
  }
});

test("the tail keeps its relative precision", async () => {
  // Down to where y is 1e-19: exp of -x^2 / 2 inherits x^2 / 2 roundings of its argument, here 40.
  const values = Float32Array.from({ length: 500 }, (_, i) => -1 - i / 63);
  for (const tuning of tunings) {
    const { y } = await evaluate(tuning, "none", values);
    values.forEach((x, i) => {
      const want = x * phi(x);
      assert.ok(Math.abs(y[i]! / want - 1) < 1e-5, `${tuning}: gelu(${x}) = ${y[i]}, want ${want}`);
    });
  }
});

test("numbers of any size give finite results: x or 0, and slopes of 1 or 0", async () => {
  const large = [20, 100, 1e4, 1e10, 1e19, 1e30, 3e38];
  const values = Float32Array.from([...large, ...large.map((v) => -v), 0]);
  for (const tuning of tunings) {
    for (const approximate of ["none", "tanh"] as const) {
      const { y, dx } = await evaluate(tuning, approximate, values);
      const label = `${approximate} (${tuning})`;
      large.forEach((_, i) => {
        assert.is(y[i], values[i], label);
        assert.is(dx[i], 1, label);
        assert.ok(Math.abs(y[large.length + i]!) < 1e-7, `${label}: ${y[large.length + i]}`);
        assert.ok(Math.abs(dx[large.length + i]!) < 1e-7, `${label}: ${dx[large.length + i]}`);
      });
      assert.is(Math.abs(y.at(-1)!), 0);
      assert.ok(Math.abs(dx.at(-1)! - 0.5) < 1e-7);
    }
  }
});

test.after(closeGpus);
test.run();
