// Step weights (late line, filter, mix) against float64, on whole networks of tensors in several chunks.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { loadPredictor } from "../../src/predictors/index.ts";
import { linearPredictor } from "../../src/predictors/linear.ts";
import { type Predictor, weightings } from "../../src/predictors/predictor.ts";
import { Rewinder } from "../../src/predictors/rewinder.ts";
import {
  inputsOf,
  rowNames,
  type StepWeights,
} from "../../src/predictors/weighted-steps/weights.ts";
import { latePredictor, stepFile } from "../../src/predictors/weighted-steps/predictor.ts";
import { Random } from "../../src/random.ts";
import { Arena, ArenaLayout, type ParameterSpec } from "../../src/weights/arena.ts";
import { Trajectory } from "../../src/weights/trajectory/record.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-steps-`);
const window = 15;

/** Out of the order in which trajectories pack them; one tensor that never moves. */
const specs: readonly (ParameterSpec & { readonly row: (typeof rowNames)[number] })[] = [
  { name: "fc1", shape: [31, 9], kind: "fc", row: "dense" },
  { name: "conv", shape: [3, 3, 4, 5], kind: "conv", row: "conv" },
  { name: "deep", shape: [3, 3, 4], kind: "depthwise", row: "depthwise" },
  { name: "bias", shape: [7], kind: "bias", row: "bias" },
  { name: "still", shape: [6], kind: "bias", row: "bias" },
  { name: "head", shape: [9, 4], kind: "fc", row: "last-dense" },
];
const sizeOf = ({ shape }: ParameterSpec): number => shape.reduce((a, b) => a * b, 1);

/** Values of each tensor in each snapshot, float32: drift, noise, and now and then a jump beyond the limit. */
function snapshots(): Map<string, Float32Array[]> {
  const random = new Random(8);
  return new Map(
    specs.map((spec, t) => {
      const scale = spec.name === "still" ? 0 : 10 ** (-2 - (t % 3));
      let now = Float32Array.from({ length: sizeOf(spec) }, () => 2 * random.float() - 1);
      const history = [now];
      for (let k = 1; k < window; k++) {
        now = now.map((w, i) => {
          const jump = i === 2 && k === 5 ? 40 : 0;
          return w + scale * (random.float() - 0.4 + jump);
        });
        history.push(now);
      }
      return [spec.name, history];
    }),
  );
}

const rms = (values: Iterable<number>): number => {
  const all = [...values];
  return Math.sqrt(all.reduce((sum, v) => sum + v * v, 0) / all.length);
};

/** Of the loss on D_f, towards the runner-up, and the latter weighted, by tensor. */
type Gradients = readonly Map<string, Float32Array>[];

/** Some beyond the limit, one tensor without any. */
function someGradients(): Gradients {
  const random = new Random(21);
  return [0, 1, 2].map(
    (input) =>
      new Map(
        specs.map((spec) => [
          spec.name,
          Float32Array.from({ length: sizeOf(spec) }, (_, i) =>
            input > 0 && spec.name === "bias"
              ? 0
              : (input === 2 ? 3e-5 : 1e-4) * (random.float() - 0.5) * (i % 19 === 0 ? 60 : 1),
          ),
        ]),
      ),
  );
}

/** What is predicted, in float64. `clip`: most a step counts. */
function reference(
  history: ReadonlyMap<string, Float32Array[]>,
  { values, ...shape }: StepWeights,
  { clip, base, gradients = [] }: { clip: number; base: number; gradients?: Gradients },
): Map<string, Float64Array> {
  const [own, runnerUp, weighted] = gradients;
  // What counts, and what its size is measured by.
  const read = [
    [own, own],
    [shape.weighting === "forgotten" ? weighted : runnerUp, runnerUp],
  ] as const;
  const inputs = inputsOf(shape);
  let [line2, e2] = [0, 0];
  const directions = specs.map(({ name, row }) => {
    const h = history.get(name)!;
    const steps = h.slice(1).map((after, k) => Float64Array.from(after, (v, i) => v - h[k]![i]!));
    const r = rms(steps.flatMap((step) => [...step]));
    const at = rowNames.indexOf(row) * inputs;
    const e = new Float64Array(h[0]!.length);
    e.forEach((_, i) => {
      steps.forEach((step, k) => {
        e[i]! += values[at + k]! * Math.max(-clip * r, Math.min(clip * r, step[i]!));
      });
      read.forEach(([gradient, measure], input) => {
        if (gradient === undefined) return;
        const g = gradient.get(name)!;
        const unit = rms(measure!.get(name)!);
        if (unit === 0) return;
        e[i]! += r * values[at + 14 + input]! * Math.max(-5, Math.min(5, g[i]! / unit));
      });
      e2 += e[i]! ** 2;
      line2 += ((3 / 14) * (h[14]![i]! - h[0]![i]!)) ** 2;
    });
    return [name, e] as const;
  });
  const scale = Math.sqrt(line2 / e2);
  return new Map(
    directions.map(([name, e]) => [
      name,
      e.map((v, i) => history.get(name)![base]![i]! - scale * v),
    ]),
  );
}

/** What the kernels predict. */
async function predicted(
  predictor: Predictor,
  history: ReadonlyMap<string, Float32Array[]>,
  options: { tuning: (typeof tunings)[number]; maxBinding?: number },
  gradients?: Gradients,
): Promise<Map<string, Float32Array>> {
  const gpu = await testGpu(options);
  const arena = await Arena.create(gpu, new ArenaLayout(specs, gpu.maxBinding), "test");
  const trajectory = await Trajectory.create(gpu, arena.layout.slots, window);
  assert.is(trajectory.chunks.length > 1, options.maxBinding !== undefined);
  for (let k = 0; k < window; k++) {
    for (const [name, values] of history) arena.write(name, values[k]!);
    trajectory.record(arena);
  }
  const arenas: Arena[] = [];
  for (const gradient of gradients ?? []) {
    const one = await Arena.create(gpu, arena.layout, "gradient");
    for (const [name, values] of gradient) one.write(name, values);
    arenas.push(one);
  }
  const given = arenas.length === 0 ? undefined : (arenas as [Arena, Arena, Arena]);
  const rewinder = await Rewinder.create(trajectory, predictor, undefined, given);
  await rewinder.apply(arena);
  const read = await arena.read();
  for (const one of [rewinder, trajectory, arena, ...arenas]) one.destroy();
  return read;
}

function near(got: ReadonlyMap<string, Float32Array>, want: Map<string, Float64Array>): void {
  for (const [name, values] of want) {
    values.forEach((value, i) => {
      const found = got.get(name)![i]!;
      // Steps are exact to the rounding of weights of about 1; a step back is some ten of them.
      const allowed = 4e-7 + 1e-5 * Math.abs(value - found);
      assert.ok(Math.abs(found - value) <= allowed, `${name}[${i}]: ${found}, not ${value}`);
    });
  }
}

function randomFilter(): StepWeights {
  const random = new Random(3);
  const values = Float32Array.from({ length: 5 * 14 }, () => 2 * random.float() - 0.7);
  return { window, gradients: false, values };
}

for (const tuning of tunings) {
  for (const maxBinding of [undefined, 8192]) {
    const where = `${tuning}, ${maxBinding === undefined ? "one chunk" : "several chunks"}`;
    const options = maxBinding === undefined ? { tuning } : { tuning, maxBinding };

    test(`the late line is its formula in float64 (${where})`, async () => {
      const history = snapshots();
      const values = Float32Array.from({ length: 70 }, (_, i) => Math.exp(0.15 * (i % 14)));
      const weights = { window, gradients: false, values };
      for (const [base, at] of [
        [undefined, 0],
        ["newest", 14],
      ] as const) {
        const want = reference(history, weights, { clip: 1e30, base: at });
        near(await predicted(await loadPredictor("late", base), history, options), want);
      }
    });

    test(`a filter from a file is its formula in float64, by kind of tensor (${where})`, async () => {
      const history = snapshots();
      const weights = randomFilter();
      const path = `${folder}/filter.safetensors`;
      const { tensors, metadata } = stepFile(weights);
      writeFileSync(path, writeSafetensors(tensors, metadata));
      const predictor = await loadPredictor(path);
      assert.is(predictor.joint?.parameters, 70);
      const want = reference(history, weights, { clip: 8, base: 0 });
      near(await predicted(predictor, history, options), want);
    });

    for (const weighting of weightings) {
      test(`a mix from a file is its formula in float64 (${where}, images weighted: ${weighting})`, async () => {
        const history = snapshots();
        const random = new Random(4);
        const values = Float32Array.from({ length: 5 * 16 }, () => 2 * random.float() - 1);
        const weights = { window, gradients: true, weighting, values };
        const path = `${folder}/mix.safetensors`;
        const { tensors, metadata } = stepFile(weights);
        assert.is(metadata["format"], "rewind mix 1");
        assert.is(metadata["weighting"], weighting);
        writeFileSync(path, writeSafetensors(tensors, metadata));
        const gradients = someGradients();
        const want = reference(history, weights, { clip: 8, base: 0, gradients });
        near(await predicted(await loadPredictor(path), history, options, gradients), want);
      });
    }
  }

  test(`with all weights equal it is the straight line, and it is always as long (${tuning})`, async () => {
    const history = snapshots();
    const line = await predicted(linearPredictor(), history, { tuning });
    const even = await predicted(latePredictor(0), history, { tuning });
    const late = await predicted(latePredictor(0.15), history, { tuning });
    const step = (of: ReadonlyMap<string, Float32Array>): number[] =>
      specs.flatMap(({ name }) => [...of.get(name)!].map((v, i) => v - history.get(name)![0]![i]!));
    near(even, new Map([...line].map(([name, v]) => [name, Float64Array.from(v)])));
    const [one, other] = [rms(step(line)), rms(step(late))];
    assert.ok(Math.abs(other / one - 1) < 1e-4, `${other} instead of ${one}`);
    assert.ok(rms(step(late).map((v, i) => v - step(line)[i]!)) > 0.05 * one);
  });
}

test("weights that give no direction leave the network at the oldest snapshot", async () => {
  const history = snapshots();
  const path = `${folder}/zero.safetensors`;
  const { tensors, metadata } = stepFile({ ...randomFilter(), values: new Float32Array(70) });
  writeFileSync(path, writeSafetensors(tensors, metadata));
  const got = await predicted(await loadPredictor(path), history, { tuning: "software" });
  for (const [name, values] of got) assert.equal(values, history.get(name)![0], name);
});

test("what is no filter, or no late line, is refused with the reason", async () => {
  const write = (name: string, shape: number[], rows: string, more = {}): string => {
    const path = `${folder}/${name}.safetensors`;
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    const metadata = { format: "rewind filter 1", rows, ...more };
    writeFileSync(path, writeSafetensors(new Map([["weights", { shape, data }]]), metadata));
    return path;
  };
  const refused = async (spec: string, message: RegExp): Promise<void> => {
    try {
      await loadPredictor(spec);
      assert.unreachable(spec);
    } catch (error) {
      assert.match((error as Error).message, message);
    }
  };
  await refused(write("short", [4, 14], rowNames.join()), /has shape \[4, 14\]; \[5, steps\]/);
  await refused(write("rows", [5, 14], "conv,bias"), /its rows are conv,bias; conv,depthwise/);
  const odd = { format: "rewind mix 1", weighting: "odd" };
  await refused(
    write("odd", [5, 16], rowNames.join(), odd),
    /its images count by "odd"; even or forgotten is needed/,
  );
  await refused("late:0.15:1", /takes two snapshots or more/);
  await refused("late:9", /leaves one step all the weight/);
});

test.after(async () => {
  rmSync(folder, { recursive: true });
  await closeGpus();
});

test.run();
