// The plane through paths of weights against float64, and accuracies over it against those of recorded weights.
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { PlaneEvaluator, weightSet } from "../../src/analysis/landscape.ts";
import { gramMatrix, principalPlane } from "../../src/analysis/plane.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { UsageError } from "../../src/errors.ts";
import { GpuDataset, meanImage } from "../../src/feed/gpu-dataset.ts";
import { Model } from "../../src/nn/model.ts";
import { Random } from "../../src/random.ts";
import { classification } from "../../src/tasks/classification.ts";
import { Evaluator } from "../../src/train/evaluator.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

const random = new Random(5);
const set = (size: number, length: number): Float32Array =>
  Float32Array.from({ length: size }, () => length * random.normal());
const inner = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

test("inner products are those of float64, beyond one block and one pass", async () => {
  // 2^24 bytes hold 5 sets of 819 blocks; these are two blocks and a bit, and 820 blocks.
  for (const size of [2 * 1024 + 7, 820 * 1024]) {
    const sets = Array.from({ length: 5 }, () => set(size, 0.3));
    for (const tuning of size > 3000 ? tunings.slice(0, 1) : tunings) {
      const gram = await gramMatrix(await testGpu({ tuning }), sets);
      for (const [i, a] of sets.entries()) {
        for (const [j, b] of sets.entries()) {
          const scale = Math.sqrt(inner(a, a) * inner(b, b));
          // 1024 products in float32: at most 1024 roundings of 2^-24 each, typically 32.
          assert.ok(Math.abs(gram[i * 5 + j]! - inner(a, b)) < 1e-5 * scale, `${size}: ${i}, ${j}`);
        }
      }
    }
  }
});

test("the plane is that of the two largest eigenvalues, and says what it leaves out", async () => {
  const gpu = await testGpu();
  const [size, count] = [300, 6];
  const sets = Array.from({ length: count }, (_, i) => set(size, 1 + i));
  const { axes, explained, points } = await principalPlane(gpu, sets);
  const gram = Matrix.zeros(count, count);
  for (let i = 0; i < count; i++)
    for (let j = 0; j < count; j++) gram.set(i, j, inner(sets[i]!, sets[j]!));
  const values = [...new EigenvalueDecomposition(gram).realEigenvalues].sort((a, b) => b - a);
  const total = values.reduce((a, b) => a + b);
  for (const rank of [0, 1]) {
    assert.ok(Math.abs(explained[rank]! - values[rank]! / total) < 1e-5);
    assert.ok(Math.abs(inner(axes[rank]!, axes[rank]!) - 1) < 1e-5);
    // What the sets have along an axis is its eigenvalue.
    const along = sets.reduce((sum, one) => sum + inner(one, axes[rank]!) ** 2, 0);
    assert.ok(Math.abs(along - values[rank]!) < 1e-4 * total);
  }
  assert.ok(Math.abs(inner(axes[0], axes[1])) < 1e-4);
  assert.ok(inner(axes[0], sets.at(-1)!) > 0 && inner(axes[1], sets.at(-1)!) > 0);
  for (const [i, { a, b, off }] of points.entries()) {
    const length = inner(sets[i]!, sets[i]!);
    assert.ok(Math.abs(a * a + b * b + off * off - length) < 1e-4 * length);
  }
  for (const line of [[sets[0]!], [sets[0]!, sets[0]!.map((value) => 2 * value)]]) {
    try {
      await principalPlane(gpu, line);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, UsageError);
    }
  }
});

test("points of the plane that are recorded weights have their accuracies, of every set, and the model is put back", async () => {
  const gpu = await testGpu();
  const digits = syntheticDigits(300, 1, "train");
  const data = await GpuDataset.upload(gpu, digits, meanImage(digits));
  const spec = modelSpec({ name: "small-cnn", filters: [2, 4], hidden: 0 }, [28, 28, 1], 10);
  const model = await Model.create(gpu, spec, 1);
  const other = await Model.create(gpu, spec, 2);
  const third = await Model.create(gpu, spec, 3);
  const origin = await weightSet(model.parameters);
  const difference = (to: Float32Array): Float32Array => to.map((value, i) => value - origin[i]!);
  const ends = [
    difference(await weightSet(other.parameters)),
    difference(await weightSet(third.parameters)),
  ];
  const { axes, points } = await principalPlane(gpu, ends);
  // One set needs two passes of 256 with a rest, the other a part of one.
  const sets = [
    Uint32Array.from({ length: 270 }, (_, i) => i),
    Uint32Array.from({ length: 40 }, (_, i) => 299 - i),
  ];
  const evaluator = await PlaneEvaluator.create(model, data, sets);
  evaluator.turn([axes[0], axes[1]]);
  const measured = await evaluator.run([{ a: 0, b: 0 }, ...points]);
  evaluator.restore();
  assert.equal([...(await weightSet(model.parameters))], [...origin]);
  for (const [i, network] of [model, other, third].entries()) {
    const alone = await Evaluator.create(network, classification, data, 256);
    for (const [s, images] of sets.entries()) {
      const { accuracy, loss } = await alone.run(images);
      assert.is(measured[i]![s]!.accuracy, accuracy, `network ${i}, set ${s}`);
      assert.ok(Math.abs(measured[i]![s]!.loss - loss) < 1e-3 * loss);
    }
    alone.destroy();
  }
  assert.ok(new Set(measured.map(([first]) => first!.accuracy)).size > 1, "networks differ");
  for (const one of [evaluator, model, other, third, data]) one.destroy();
});

test.after(closeGpus);
test.run();
