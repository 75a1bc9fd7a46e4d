import { test } from "uvu";
import * as assert from "uvu/assert";
import { smallCnnDefaults } from "../../models/small-cnn.ts";
import { modelSpec } from "../../models/index.ts";
import {
  constant,
  fans,
  glorotUniform,
  heNormal,
  type Initialiser,
  varianceScaling,
} from "../../src/nn/init.ts";
import { declare } from "../../src/nn/model.ts";
import { Random } from "../../src/random.ts";

/** Mean and variance of many values must lie within 4 standard errors of what was asked for. */
function checkMoments(
  label: string,
  values: Float32Array,
  variance: number,
  /** Fourth central moment over the squared variance: 3 for a normal, 1.8 for a uniform. */
  kurtosis: number,
): void {
  const n = values.length;
  assert.ok(n >= 10_000, `${label}: ${n} values are too few`);
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  const meanError = Math.sqrt(variance / n);
  assert.ok(Math.abs(mean) <= 4 * meanError, `${label}: mean ${mean}, error ${meanError}`);
  const found = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  const varianceError = variance * Math.sqrt((kurtosis - 1) / n);
  assert.ok(
    Math.abs(found - variance) <= 4 * varianceError,
    `${label}: variance ${found}, wanted ${variance} ± ${varianceError}`,
  );
}

test("fan-in and fan-out count the taps of a convolution", () => {
  assert.equal(fans([3, 3, 16, 32]), { fanIn: 144, fanOut: 288 });
  assert.equal(fans([784, 10]), { fanIn: 784, fanOut: 10 });
  assert.equal(fans([7]), { fanIn: 1, fanOut: 7 });
});

test("He normal has mean 0 and variance 2 / fan-in, for dense and convolution weights", () => {
  for (const [shape, fanIn] of [
    [[200, 100], 200],
    [[3, 3, 32, 64], 288],
  ] as const) {
    const values = heNormal(shape, new Random(5));
    checkMoments(`he ${shape.join("×")}`, values, 2 / fanIn, 3);
    // A normal has 31.7 % of its values outside one deviation, a uniform one 42.3 %.
    const outside = values.filter((v) => Math.abs(v) > Math.sqrt(2 / fanIn)).length;
    assert.ok(Math.abs(outside / values.length - 0.3173) < 4 * Math.sqrt(0.217 / values.length));
  }
});

test("variance scaling has variance scale / fan in each mode and distribution", () => {
  const shape = [150, 100];
  for (const [mode, fan] of [
    ["fan_in", 150],
    ["fan_out", 100],
    ["fan_avg", 125],
  ] as const) {
    for (const [distribution, kurtosis] of [
      ["normal", 3],
      ["uniform", 1.8],
    ] as const) {
      const values = varianceScaling({ scale: 0.1, mode, distribution })(shape, new Random(2));
      checkMoments(`${mode} ${distribution}`, values, 0.1 / fan, kurtosis);
    }
  }
});

test("uniform initialisers fill ±sqrt(6 / (fan-in + fan-out)) and no more", () => {
  const values = glorotUniform([128, 128], new Random(9));
  checkMoments("glorot", values, 1 / 128, 1.8);
  const bound = Math.fround(Math.sqrt(6 / 256));
  const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  assert.ok(largest <= bound && largest > 0.999 * bound, `${largest} of ${bound}`);
});

test("the same seed gives the same bits, another seed or stream others", () => {
  const shape = [40, 50];
  const initialisers: Record<string, Initialiser> = { heNormal, glorotUniform };
  for (const [name, init] of Object.entries(initialisers)) {
    const first = init(shape, new Random(7));
    assert.equal(init(shape, new Random(7)), first, name);
    for (const other of [new Random(8), new Random(7).fork("x")]) {
      const values = init(shape, other);
      assert.is(values.filter((v, i) => v === first[i]).length, 0, name);
    }
  }
});

test("a model's biases start at zero and its weights do not", () => {
  const spec = modelSpec({ name: "small-cnn", ...smallCnnDefaults }, [28, 28, 1], 10);
  const declared = [...declare(spec).parameters.values()];
  assert.ok(declared.length >= 6);
  for (const { name, kind, shape, init } of declared) {
    const values = init(shape, new Random(1));
    assert.is(
      values.every((v) => v === 0),
      kind === "bias",
      name,
    );
    assert.ok(values.every(Number.isFinite), name);
  }
});

test("a constant fills the shape", () => {
  assert.equal([...constant(2.5)([2, 3], new Random(0))], [2.5, 2.5, 2.5, 2.5, 2.5, 2.5]);
});

test.run();
