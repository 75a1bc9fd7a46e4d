/**
 * Boundary expanding (Chen et al., 2023): the network gets one class more, whose label D_f is fine-tuned towards; then the
 * class is dropped again.
 *
 * The last layer, a dense one, gets a row of fresh weights for the new class. After every round the network is measured
 * without it; the row stays with the session. Departure from the published code: batch norm stays as it is.
 */
import { z } from "zod";
import { UsageError } from "../../errors.ts";
import { Owned } from "../../gpu/owned.ts";
import type { Layers } from "../../nn/layers.ts";
import { Model, type ModelSpec } from "../../nn/model.ts";
import type { Watch } from "../../train/replay.ts";
import { layerOf } from "../../weights/arena.ts";
import { relabellingArm } from "../arm.ts";
import {
  defineMethod,
  type Round,
  type SessionState,
  type Subject,
  type UnlearnSession,
} from "../method.ts";
import { stepFields, StepSession, stepTrainer } from "../steps.ts";

/** The dense layer that the logits come from. @throws UsageError if the network ends with no such layer. */
function headOf({ slots, spec }: Pick<Subject, "slots" | "spec">): {
  readonly name: string;
  readonly units: number;
} {
  const last = slots.at(-1);
  const name = last && layerOf(last);
  const weight = slots.find((slot) => slot.name === `${name}.weight`);
  const [units] = spec.output as [number];
  if (name === undefined || weight?.kind !== "fc" || weight.shape.at(-1) !== units) {
    throw new UsageError(
      `boundary-expand adds a class to the dense layer that a network ends with, and "${spec.name}" ends with none: ` +
        "choose another method.",
    );
  }
  return { name, units };
}

/** A spec with one more unit in its last layer. */
function widened(
  spec: ModelSpec,
  head: { readonly name: string; readonly units: number },
): ModelSpec {
  const widen = (layers: Layers): Layers =>
    new Proxy(layers, {
      get(target, key) {
        if (key === "linear") {
          const linear: Layers["linear"] = (name, x, units, init) =>
            target.linear(name, x, name === head.name ? units + 1 : units, init);
          return linear;
        }
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  return {
    name: `${spec.name} with a class more`,
    inputs: spec.inputs,
    output: [head.units + 1],
    build: (layers, inputs) => spec.build(widen(layers), inputs),
  };
}

/** Values [rows, from], each row cut or filled to [rows, to]: what is missing is taken from `rest` [rows, to]. */
function resized(
  values: Float32Array,
  [from, to]: readonly [number, number],
  rest: Float32Array,
): Float32Array<ArrayBuffer> {
  const rows = values.length / from;
  const out = Float32Array.from({ length: rows * to }, (_, i) => rest[i]!);
  for (let row = 0; row < rows; row++) {
    const part = values.subarray(row * from, row * from + Math.min(from, to));
    out.set(part, row * to);
  }
  return out;
}

/** Owns the wide network and the session that trains it. */
class BoundaryExpandSession implements UnlearnSession {
  readonly method = "boundary-expand";
  readonly #model: Model;
  readonly #wide: Model;
  readonly #head: { readonly name: string; readonly units: number };
  readonly #steps: StepSession;
  readonly #owned: Owned;

  constructor(
    [model, wide]: readonly [Model, Model],
    head: { readonly name: string; readonly units: number },
    steps: StepSession,
    owned: Owned,
  ) {
    this.#model = model;
    this.#wide = wide;
    this.#head = head;
    this.#steps = steps;
    this.#owned = owned;
  }

  async round(watch: Watch): Promise<Round> {
    const round = await this.#steps.round(watch);
    copyTrunk(this.#wide, this.#model, this.#head.name);
    for (const name of this.#parameters()) {
      const values = await readParameter(this.#wide, name);
      const { units } = this.#head;
      this.#model.parameters.write(name, resized(values, [units + 1, units], values));
    }
    await this.#model.gpu.idle();
    return round;
  }

  /** Names of the last layer's parameters. */
  #parameters(): string[] {
    return ["weight", "bias"].map((part) => `${this.#head.name}.${part}`);
  }

  async save(): Promise<SessionState> {
    const state = await this.#steps.save();
    const tensors = new Map(state.tensors);
    for (const name of this.#parameters()) {
      const data = await readParameter(this.#wide, name);
      tensors.set(`wide.${name}`, { shape: [data.length], data });
    }
    return { ...state, tensors };
  }

  load(state: SessionState): void {
    this.#steps.load(state);
    copyTrunk(this.#model, this.#wide, this.#head.name);
    for (const name of this.#parameters()) {
      this.#wide.parameters.write(name, state.tensors.get(`wide.${name}`)!.data);
    }
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** Copies all parameters but the last layer's, on the device. */
function copyTrunk(from: Model, to: Model, head: string): void {
  from.gpu.submit((encoder) => {
    for (const { name } of from.slots) {
      if (name.startsWith(`${head}.`)) continue;
      const [source, target] = [from.parameters.view(name), to.parameters.view(name)];
      encoder.copyBufferToBuffer(
        source.buffer,
        source.offset,
        target.buffer,
        target.offset,
        source.size,
      );
    }
  });
}

async function readParameter({ gpu, parameters }: Model, name: string): Promise<Float32Array> {
  const [bytes] = await gpu.read(parameters.view(name));
  return new Float32Array(bytes!);
}

export const boundaryExpand = defineMethod({
  name: "boundary-expand",
  summary: "fine-tune D_f towards a class of its own, then drop that class",
  reads: "D_f",
  labels: true,
  relabels: true,
  arms: relabellingArm("boundary-expand"),
  settings: z.strictObject({
    ...stepFields,
    learningRate: z.number().positive().default(1e-3).describe("the learning rate of its steps"),
  }),
  check: (_, subject) => void headOf(subject),
  async create(request, settings) {
    const { model, forget, seed, task } = request;
    const { items } = forget;
    const head = headOf(model);
    const batch = Math.min(settings.batch, items.length);
    return Owned.during(async (owned) => {
      const wide = owned.add(await Model.create(model.gpu, widened(model.spec, head), seed));
      copyTrunk(model, wide, head.name);
      model.gpu.submit((encoder) => wide.statistics.copyFrom(model.statistics, encoder));
      for (const name of ["weight", "bias"].map((part) => `${head.name}.${part}`)) {
        const [own, fresh] = [await readParameter(model, name), await readParameter(wide, name)];
        wide.parameters.write(name, resized(own, [head.units, head.units + 1], fresh));
      }
      const labels = new Uint32Array(forget.data.count).fill(head.units);
      const data = owned.add(await forget.data.withLabels(labels, head.units + 1));
      const trainer = await stepTrainer({ model: wide, task }, data, items, { ...settings, batch });
      const parts = { ...settings, method: "boundary-expand", trainer, items, batch, seed };
      const steps = owned.add(new StepSession(parts));
      return new BoundaryExpandSession([model, wide], head, steps, owned);
    });
  },
});
