/**
 * Networks against PyTorch, on the same weights and images: logits, and one training step.
 *
 * `npx tsx bench/parity.ts FOLDER --model NAME [--adapter gpu|software|any] [--tuning gpu|software]`, where
 * FOLDER was written by `python3 bench/parity/torch_reference.py --model NAME --out FOLDER`. The truth is
 * PyTorch in float64; PyTorch in float32 stands beside Rewind, so that the rounding of both can be seen.
 * Prints a table and writes FOLDER/parity.json; the exit code is 1 where an error is above its limit.
 */
import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { convNext, convNextAtto, convNextTiny } from "../models/conv-next.ts";
import { type ModelConfig, modelSpec } from "../models/index.ts";
import { publishedNetwork } from "../models/published.ts";
import { pvtV2, pvtV2B0 } from "../models/pvt-v2.ts";
import { acquireDevice, type BufferView, type Gpu, type Tuning } from "../src/gpu/device.ts";
import { Graph } from "../src/graph/graph.ts";
import { compile } from "../src/graph/program.ts";
import { Value } from "../src/graph/value.ts";
import { exportPretrained, importPretrained, type PublishedFormat } from "../src/io/pretrained.ts";
import { readSafetensors } from "../src/io/safetensors.ts";
import { Model, type ModelSpec, type Tensors } from "../src/nn/model.ts";
import { softmaxCrossEntropy } from "../src/ops/index.ts";
import { readBytes, writeAtomic } from "../src/platform/files.ts";
import { type Cell, markdownTable } from "../src/report/table.ts";
import { StepQueue } from "../src/feed/step-queue.ts";
import { Trainer } from "../src/train/trainer.ts";

/**
 * Limits of the relative errors. Float32 adds the same numbers in another order, which costs some 1e-6 after
 * this many layers, in PyTorch as here. Where such a rounding puts an activation on the other side of a
 * ReLU's or a maximum's kink, a path of the gradient is switched as a whole: one of 10⁵ makes 3e-3, and on a
 * batch of two it has been seen to make 1e-2 in PyTorch. So gradients may have twice PyTorch's own error
 * where that is more than their limit. A wrong padding, transposition or missing term costs far more.
 */
const limits = { logits: 1e-3, gradients: 1e-2, ofTorch: 2 };

/** Gradients below this part of all together are not judged one by one: a bias before batch norm has none. */
const negligible = 1e-6;

/** Networks that drop paths in training, without that: there is no common mask to compare with. */
const undropped: Partial<Record<ModelConfig["name"], (classes: number) => ModelSpec["build"]>> = {
  "pvt-v2-b0":
    (classes) =>
    (layers, [x]) =>
      pvtV2(layers, x!, classes, { ...pvtV2B0, dropPath: 0 }),
  "convnext-t":
    (classes) =>
    (layers, [x]) =>
      convNext(layers, x!, classes, { ...convNextTiny, dropPath: 0 }),
  "convnext-atto":
    (classes) =>
    (layers, [x]) =>
      convNext(layers, x!, classes, { ...convNextAtto, dropPath: 0 }),
};

const names = [
  "resnet18",
  "resnet18-imagenet",
  "pvt-v2-b0",
  "convnext-t",
  "convnext-atto",
] as const satisfies readonly ModelConfig["name"][];

type Name = (typeof names)[number];

/** What torch_reference.py says about itself. */
interface Reference {
  readonly model: string;
  readonly batch: number;
  readonly size: number;
  readonly classes: number;
  readonly seed: number;
  readonly device: string;
  readonly deviceName: string;
  readonly torch: string;
  readonly learningRate: number;
  readonly loss: { readonly float32: number; readonly float64: number };
}

type Numbers = Float32Array | Float64Array;

/** A float64 file at its own precision; the engine's reader rounds to float32. */
function readDoubles(path: string): Map<string, Float64Array> {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, start)) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__");
  return new Map(
    entries.map(
      ([
        name,
        {
          dtype,
          data_offsets: [from, to],
        },
      ]) => {
        if (dtype !== "F64") throw new Error(`${path}: "${name}" is ${dtype}, not F64.`);
        const data = Uint8Array.from(bytes.subarray(start + from, start + to));
        return [name, new Float64Array(data.buffer)];
      },
    ),
  );
}

async function readTensors(path: string): Promise<Tensors> {
  return readSafetensors(await readBytes(path), path).tensors;
}

/** Results under the names of torch_reference.py, and the loss. */
interface Results {
  readonly loss: number;
  readonly tensors: ReadonlyMap<string, Numbers>;
}

/** Computes on the GPU what torch_reference.py computes. */
async function compute(
  gpu: Gpu,
  name: Name,
  folder: string,
  { batch, size, classes, learningRate }: Reference,
): Promise<Results> {
  const inputs = await readTensors(`${folder}/inputs.safetensors`);
  const weights = await readTensors(`${folder}/weights.safetensors`);
  const plain = modelSpec({ name }, [size, size, 3], classes);
  const model = await Model.create(
    gpu,
    { ...plain, build: undropped[name]?.(classes) ?? plain.build },
    undefined,
  );
  const slots = [...model.slots, ...model.statistics.layout.slots];
  const imported = importPretrained(publishedNetwork(name), slots, weights, { head: "keep" });
  model.load(imported.tensors);

  const bytes = { x: 4 * batch * size * size * 3, labels: 4 * batch, weights: 4 * batch };
  const buffers = await gpu.allocate(bytes);
  const bindings = new Map<Value, BufferView>();
  const bound = (label: keyof typeof bytes, shape: readonly number[], dtype: "f32" | "u32") => {
    const value = new Value(label, shape, dtype, "bound");
    bindings.set(value, { buffer: buffers[label], offset: 0, size: bytes[label] });
    return value;
  };
  const x = bound("x", [batch, size, size, 3], "f32");
  const labels = bound("labels", [batch], "u32");
  const shares = bound("weights", [batch], "f32");
  gpu.write(buffers.x, inputs.get("pictures")!.data);
  gpu.write(buffers.labels, Uint32Array.from(inputs.get("labels")!.data));
  gpu.write(buffers.weights, new Float32Array(batch).fill(1 / batch));

  const logits = await evaluate(gpu, model, x, bindings);

  const queue = await StepQueue.create(gpu, { batch, items: batch, count: batch });
  const trainer = await Trainer.create(model, {
    feed: {
      queue,
      launches: queue.launches,
      bindings: new Map([...queue.bindings, ...bindings]),
    },
    objective: (graph) => {
      const built = model.build(graph, [x], "train", queue.step);
      return { built, loss: softmaxCrossEntropy(built.output, labels, shares) };
    },
    optimizer: { name: "sgd" },
  });
  const order = Uint32Array.from({ length: batch }, (_, i) => i);
  const { loss } = await trainer.epoch({ order, learningRate, seed: 1 });
  const gradients: Tensors = new Map(
    [...(await trainer.gradients.read())].map(([key, data]) => [
      key,
      { shape: model.parameters.layout.slot(key).shape, data },
    ]),
  );
  const after = await model.save();
  trainer.destroy();
  queue.destroy();
  model.destroy();
  gpu.free(buffers.x, buffers.labels, buffers.weights);

  const published = (prefix: string, of: typeof slots, tensors: Tensors): [string, Numbers][] => {
    const format: PublishedFormat = imported.format;
    const exported = exportPretrained(publishedNetwork(name), of, tensors, format);
    return [...exported].map(([key, { data }]) => [`${prefix}.${key}`, data]);
  };
  return {
    loss,
    tensors: new Map<string, Numbers>([
      ["logits", logits],
      ...published("gradient", [...model.slots], gradients),
      ...published("after", slots, after),
    ]),
  };
}

/** Logits with running statistics. */
async function evaluate(
  gpu: Gpu,
  model: Model,
  x: Value,
  bindings: ReadonlyMap<Value, BufferView>,
): Promise<Float32Array> {
  const graph = new Graph(gpu);
  const { output, bindings: own } = model.build(graph, [x], "frozen");
  const program = await compile(gpu, graph.forward(), {
    label: `evaluate ${model.spec.name}`,
    bindings: new Map([...own, [x, bindings.get(x)!]]),
    keep: [output],
  });
  program.run();
  const logits = await gpu.readFloats(program.view(output));
  program.destroy();
  return logits;
}

/** Length of a tensor, or of its difference to another. */
function length(a: Numbers, b?: Numbers): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - (b?.[i] ?? 0)) ** 2;
  return Math.sqrt(sum);
}

/** Largest number, or largest difference. */
function largest(a: Numbers, b?: Numbers): number {
  let most = 0;
  // Unlike a comparison, this keeps a NaN.
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - (b?.[i] ?? 0)));
  return most;
}

/** Relative errors of a group of tensors: of all as one vector, and of the worst one. */
interface GroupError {
  readonly overall: number;
  readonly worst: number;
  readonly worstTensor: string;
  /** Tensors that are too small to be judged alone. */
  readonly negligible: number;
}

function groupError(
  given: Results,
  truth: ReadonlyMap<string, Float64Array>,
  keys: readonly string[],
): GroupError {
  const parts = keys.map((key) => {
    const [a, b] = [given.tensors.get(key), truth.get(key)!];
    if (a?.length !== b.length) throw new Error(`"${key}" is missing or of another size.`);
    return { key, error: length(a, b), size: length(b) };
  });
  const total = Math.hypot(...parts.map(({ size }) => size));
  const judged = parts
    .filter(({ size }) => size > negligible * total)
    .map(({ key, error, size }) => ({ key, relative: error / size }));
  const worst = judged.reduce((most, one) =>
    one.relative > most.relative || Number.isNaN(one.relative) ? one : most,
  );
  return {
    overall: Math.hypot(...parts.map(({ error }) => error)) / total,
    worst: worst.relative,
    worstTensor: worst.key.replace(/^[a-z]+\./, ""),
    negligible: parts.length - judged.length,
  };
}

/** All errors of one engine against the truth. */
interface Errors {
  readonly logits: { readonly max: number; readonly l2: number };
  readonly loss: number;
  readonly gradients: GroupError;
  /** Trained tensors after the step. */
  readonly weights: GroupError;
  /** Running statistics after the step, where there are any. */
  readonly statistics: GroupError | null;
}

function errorsOf(given: Results, truth: Results & { tensors: Map<string, Float64Array> }): Errors {
  const { tensors } = truth;
  const keys = (pattern: RegExp): string[] =>
    [...tensors.keys()].filter((key) => pattern.test(key));
  const of = (wanted: readonly string[]): GroupError => groupError(given, tensors, wanted);
  const statistics = keys(/^after\..*\.running_(mean|var)$/);
  const [logits, wanted] = [given.tensors.get("logits")!, tensors.get("logits")!];
  return {
    logits: {
      max: largest(logits, wanted) / largest(wanted),
      l2: length(logits, wanted) / length(wanted),
    },
    loss: Math.abs(given.loss - truth.loss),
    gradients: of(keys(/^gradient\./)),
    weights: of(keys(/^after\./).filter((key) => !statistics.includes(key))),
    statistics: statistics.length === 0 ? null : of(statistics),
  };
}

/** Rows of the printed table: Rewind, then PyTorch. */
function table(ours: Errors, torch: Errors, version: string): string {
  const show = (value: number): string => value.toExponential(1);
  const group = (title: string, pick: (errors: Errors) => GroupError | null): Cell[][] => {
    const [a, b] = [pick(ours), pick(torch)];
    if (a === null || b === null) return [];
    const tensors = a.worstTensor === b.worstTensor ? [a] : [a, b];
    return [
      [`${title}, l2`, show(a.overall), show(b.overall)],
      [
        `${title}, l2, worst tensor (${tensors.map((of) => of.worstTensor).join("; ")})`,
        show(a.worst),
        show(b.worst),
      ],
    ];
  };
  return markdownTable(
    [
      { title: "relative error to float64" },
      { title: "Rewind" },
      { title: `PyTorch ${version}, float32` },
    ],
    [
      ["logits, maximum", show(ours.logits.max), show(torch.logits.max)],
      ["logits, l2", show(ours.logits.l2), show(torch.logits.l2)],
      ["loss of the training step (absolute)", show(ours.loss), show(torch.loss)],
      ...group("gradients", (errors) => errors.gradients),
      ...group("weights after the step", (errors) => errors.weights),
      ...group("running statistics after the step", (errors) => errors.statistics),
    ],
  );
}

interface Flags {
  model: Name;
  adapter: "gpu" | "software" | "any";
  tuning?: Tuning;
}

/** @returns whether every error is within its limit. */
async function main(folder: string, { model, adapter, tuning }: Flags): Promise<boolean> {
  const reference = JSON.parse(readFileSync(`${folder}/reference.json`, "utf8")) as Reference;
  if (reference.model !== model) {
    throw new Error(`${folder} is of model "${reference.model}", not of "${model}".`);
  }
  const gpu = await acquireDevice({
    adapter: adapter === "any" ? "auto" : adapter,
    ...(tuning === undefined ? {} : { tuning }),
  });
  const { runtimeVersion, description, vendor, architecture, device } = gpu.adapter;
  const line = `${runtimeVersion}, ${description || [vendor, architecture, device].join(" ").trim()}, ${gpu.tuning} kernels`;
  const ours = await compute(gpu, model, folder, reference);
  gpu.close();

  const single = await readTensors(`${folder}/float32.safetensors`);
  const truth = {
    loss: reference.loss.float64,
    tensors: readDoubles(`${folder}/float64.safetensors`),
  };
  const torch = {
    loss: reference.loss.float32,
    tensors: new Map([...single].map(([key, { data }]) => [key, data])),
  };
  const errors = { rewind: errorsOf(ours, truth), torch: errorsOf(torch, truth) };
  const { batch, size, classes, deviceName, torch: version } = reference;
  console.log(`${model}, ${batch} × ${size}², ${classes} classes, loss ${ours.loss.toFixed(6)}`);
  console.log(`Rewind: ${line}; PyTorch ${version}: ${deviceName}\n`);
  console.log(table(errors.rewind, errors.torch, version));
  // Written so that NaN fails.
  const passed =
    errors.rewind.logits.max <= limits.logits &&
    errors.rewind.gradients.overall <=
      Math.max(limits.gradients, limits.ofTorch * errors.torch.gradients.overall);
  const written = { reference, adapter: line, limits, passed, errors };
  await writeAtomic(`${folder}/parity.json`, `${JSON.stringify(written, null, 2)}\n`);
  if (!passed) {
    console.error(
      `parity: an error is above its limit (logits ${limits.logits}, gradients ${limits.gradients}).`,
    );
  }
  return passed;
}

const command = new Command("parity")
  .argument("<folder>", "what torch_reference.py wrote")
  .addOption(new Option("--model <name>").choices(names).makeOptionMandatory())
  .addOption(new Option("--adapter <kind>").choices(["gpu", "software", "any"]).default("any"))
  .addOption(
    new Option("--tuning <kind>", "kernel family; follows the adapter").choices([
      "gpu",
      "software",
    ]),
  )
  .action(async (folder: string, flags: Flags) => {
    try {
      process.exit((await main(folder, flags)) ? 0 : 1);
    } catch (error) {
      console.error(`parity: ${(error as Error).message}`);
      process.exit(1);
    }
  });
await command.parseAsync();
