/**
 * Rewinds an arena by a predictor, entirely on the GPU.
 *
 * The predictions go to buffers of their own and are checked there; only if every one is finite are
 * they copied over the weights. The host reads one flag a parameter and never a weight.
 */
import type { Arena, ParameterKind, ParameterSpec } from "../weights/arena.ts";
import { DivergedError, UsageError } from "../errors.ts";
import { Bound } from "../graph/bound.ts";
import { compile, type Program } from "../graph/program.ts";
import type { Launch, Value } from "../graph/value.ts";
import type { Tuning } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import type { Range } from "../weights/trajectory/layout.ts";
import type { Trajectory } from "../weights/trajectory/record.ts";
import type { ModelSpec } from "../nn/model.ts";
import { replay, type Replayed, type Watch } from "../train/replay.ts";
import { uploadSet } from "./launch.ts";
import {
  type JointPlace,
  kernelBase,
  type Predictor,
  type PredictorSet,
  type PreparedJoint,
} from "./predictor.ts";

/** A prediction that is NaN or infinite; the weights were left as they were before it. */
export class PredictionError extends DivergedError {
  override name = "PredictionError";
  /** Names of the parameters concerned. */
  readonly parameters: readonly string[];

  constructor(predictor: string, parameters: readonly string[]) {
    super(
      `predictor "${predictor}" gave NaN or infinity for ${parameters.join(", ")}; the weights are as they were ` +
        "before. Its exponential overflows on changes far from what it was trained on: lower the learning rate.",
    );
    this.parameters = parameters;
  }
}

/** What a rewinder is made of. */
interface Parts {
  /** Of all parts. */
  readonly owned: Owned;
  /** Owns the predictions, the flags and the predictor's weights. */
  readonly bound: Bound;
  readonly joint: PreparedJoint | undefined;
  readonly program: Program;
  /** By chunk of the trajectory. */
  readonly predicted: readonly Value[];
  /** One word a parameter: 1 where a prediction of it is not finite. */
  readonly flags: Value;
}

/**
 * Applies a predictor to a trajectory; see {@link Rewinder.create}. Owns the predictions (4 bytes a
 * coordinate) and the predictor's weights; the trajectory stays the caller's.
 */
export class Rewinder {
  readonly predictor: Predictor;
  /** FLOP of one rewind. */
  readonly flop: number;
  readonly #trajectory: Trajectory;
  readonly #parts: Parts;
  /** The program's dispatches one after the other, from the next on. */
  readonly #dispatches: Replayed;
  #next = 0;

  private constructor(trajectory: Trajectory, predictor: Predictor, parts: Parts) {
    this.#trajectory = trajectory;
    this.predictor = predictor;
    this.#parts = parts;
    this.flop = parts.program.flop;
    this.#dispatches = {
      run: (count) => {
        parts.program.runPart(this.#next, this.#next + count);
        this.#next += count;
      },
    };
  }

  /**
   * Compiles the predictor for a trajectory's layout; takes 4 bytes a coordinate for the predictions.
   *
   * @param spec the recorded model, which a predictor that follows its connections needs.
   * @param gradients for a predictor that reads them: on D_f at the oldest snapshot, as they are when {@link apply} runs.
   * @throws UsageError if the windows differ, a recorded kind has no weight set, or gradients are missing.
   */
  static async create(
    trajectory: Trajectory,
    predictor: Predictor,
    spec?: ModelSpec,
    gradients?: JointPlace["gradients"],
  ): Promise<Rewinder> {
    requireFit(trajectory, predictor, spec);
    if (predictor.joint?.gradients === true && gradients === undefined) {
      throw new UsageError(
        `predictor "${predictor.name}" reads gradients on D_f, and there is no D_f here: use it to \`unlearn\`.`,
      );
    }
    return Owned.during(async (owned) => {
      const bound = owned.add(new Bound());
      const { gpu, layout } = trajectory;
      const sets: { set: PredictorSet; weights: Record<string, Value> }[] = [];
      for (const set of predictor.sets) {
        sets.push({ set, weights: await uploadSet(gpu, set, bound) });
      }
      const histories = trajectory.histories(bound);
      const purpose = "predicted weights";
      const predicted: Value[] = [];
      for (const [i, { length }] of layout.chunks.entries()) {
        predicted.push(await bound.zeros(gpu, `predicted[${i}]`, [length], "f32", { purpose }));
      }
      const flags = await bound.zeros(gpu, "flags", [layout.tracks.length], "u32");
      const base = kernelBase(predictor);
      const place = { trajectory, histories, predicted, bound, spec, base, gradients };
      const joint = await predictor.joint?.prepare(place);
      if (joint !== undefined) owned.add(joint);
      const predictions = trajectory.chunks.flatMap((chunk, i) =>
        sets.flatMap(({ set, weights }) =>
          piecesOf(layout.ranges(chunk, set.kinds), mostPredicted[gpu.tuning]).flatMap((range) =>
            set.launches({
              tuning: gpu.tuning,
              workgroupStorage: gpu.device.limits.maxComputeWorkgroupStorageSize,
              matrices: gpu.matrices,
              base,
              range: { ...range, stride: chunk.stride, outFirst: range.first },
              history: histories[i]!,
              predicted: predicted[i]!,
              weights,
            }),
          ),
        ),
      );
      const checks = trajectory.chunks.flatMap((chunk, i) =>
        layout.pieces(chunk).map(({ track, inChunk, length }): Launch => {
          const slot = layout.tracks.indexOf(track);
          return {
            shader: "predict/check-finite",
            constants: {},
            bind: { predicted: predicted[i]!, flags },
            uniforms: { range: Uint32Array.of(inChunk, length, slot, 0) },
            threads: length,
          };
        }),
      );
      const steps = [...(joint?.steps ?? []), ...predictions, ...checks];
      const program = owned.add(
        await compile(gpu, trajectory.unpacking(steps, histories, bound), {
          label: `rewind ${predictor.name}`,
          bindings: bound.bindings,
        }),
      );
      const parts = { owned, bound, joint, program, predicted, flags };
      return new Rewinder(trajectory, predictor, parts);
    });
  }

  /**
   * Predicts from the recorded window and overwrites the arena's recorded parameters.
   *
   * @param watch its progress is in dispatches; once `signal` says so, the arena is left untouched.
   * @throws PredictionError naming the parameters whose prediction is not finite; the arena is untouched.
   */
  async apply(arena: Arena, watch: Pick<Watch, "signal" | "progress"> = {}): Promise<void> {
    const { bound, program, flags, predicted } = this.#parts;
    const { gpu, layout, chunks } = this.#trajectory;
    this.#trajectory.requireComplete();
    gpu.submit((encoder) => encoder.clearBuffer(bound.at(flags).buffer));
    await this.#predict(program, watch);
    const [bytes] = await gpu.read(bound.at(flags));
    const marks = new Uint32Array(bytes!);
    const bad = layout.tracks.filter((_, i) => marks[i] !== 0).map((track) => track.slot.name);
    if (bad.length > 0) throw new PredictionError(this.predictor.name, bad);
    gpu.submit((encoder) => {
      for (const [i, chunk] of chunks.entries()) {
        for (const { track, inSlot, inChunk, length } of layout.pieces(chunk)) {
          const { slot } = track;
          encoder.copyBufferToBuffer(
            bound.at(predicted[i]!).buffer,
            4 * inChunk,
            arena.buffers[slot.shard]!,
            4 * (slot.offset + inSlot),
            4 * length,
          );
        }
      }
    });
  }

  /** Runs the program in submits short enough to be interrupted; where it is profiled, in one. */
  async #predict(program: Program, watch: Pick<Watch, "signal" | "progress">): Promise<void> {
    const { gpu } = this.#trajectory;
    if (gpu.profiler?.wants(program.label) === true) return program.run();
    this.#next = 0;
    const { signal, progress } = watch;
    await replay(gpu, this.#dispatches, program.dispatches.length, { signal, progress });
  }

  /** How many snapshots ahead the next prediction is, where the predictor leaves a choice. */
  aim(step: number): void {
    const { joint } = this.#parts;
    requireAim(this.predictor, step);
    joint?.aim?.(step);
  }

  destroy(): void {
    this.#parts.owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** Coordinates that one dispatch predicts at most, so that a long prediction can be interrupted and tells how far it is. */
const mostPredicted: Readonly<Record<Tuning, number>> = { gpu: 2 ** 22, software: 2 ** 14 };

/** Ranges of at most so many coordinates. */
function piecesOf(ranges: readonly Range[], most: number): Range[] {
  return ranges.flatMap(({ first, count }) =>
    Array.from({ length: Math.ceil(count / most) }, (_, i) => ({
      first: first + i * most,
      count: Math.min(most, count - i * most),
    })),
  );
}

/** @throws UsageError if a trajectory is not what the predictor needs. */
function requireFit(
  { layout, reversed }: Trajectory,
  predictor: Predictor,
  spec: ModelSpec | undefined,
): void {
  if (layout.window !== predictor.window) {
    throw new UsageError(
      `predictor "${predictor.name}" needs ${predictor.window} snapshots, the trajectory records ${layout.window}.`,
    );
  }
  if (reversed !== (predictor.reversed ?? false)) {
    throw new UsageError(
      `predictor "${predictor.name}" needs the ${predictor.reversed === true ? "newest" : "oldest"} snapshot first.`,
    );
  }
  requireServed(
    predictor,
    spec,
    layout.tracks.map(({ slot }) => slot),
  );
}

/** @throws UsageError if a predictor cannot predict parameters that are recorded of a network. */
export function requireServed(
  { name, sets, joint }: Predictor,
  spec: ModelSpec | undefined,
  recorded: readonly ParameterSpec[],
): void {
  if (joint !== undefined) return joint.check?.(spec, recorded);
  const served = new Set<ParameterKind>(sets.flatMap((set) => set.kinds));
  const orphan = recorded.find(({ kind }) => !served.has(kind));
  if (orphan === undefined) return;
  throw new UsageError(
    `predictor "${name}" has no weights for kind "${orphan.kind}" (parameter "${orphan.name}"): leave that kind out ` +
      "of the rewind (`settings.kinds`) or give weights for it.",
  );
}

/** @throws UsageError if a predictor does not aim there; absent: where it aims by itself. */
export function requireAim({ name, reach, joint }: Predictor, aim: number | undefined): void {
  if (aim === undefined) return;
  if (joint?.steps === undefined) {
    throw new UsageError(
      `\`settings.aim=${aim}\`: predictor "${name}" leaves no choice, it aims ${reach}; leave that setting out.`,
    );
  }
  if (aim <= joint.steps) return;
  throw new UsageError(
    `\`settings.aim=${aim}\`: predictor "${name}" aims 1 to ${joint.steps} snapshots far; take one of these.`,
  );
}
