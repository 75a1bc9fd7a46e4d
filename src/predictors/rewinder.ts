/**
 * Rewinds an arena by a predictor, entirely on the GPU.
 *
 * The predictions go to buffers of their own and are checked there; only if every one is finite are
 * they copied over the weights. The host reads one flag a parameter and never a weight.
 */
import type { Arena, ParameterKind } from "../weights/arena.ts";
import type { Gpu } from "../gpu/device.ts";
import { DivergedError, GpuError } from "../errors.ts";
import { type Dispatch, encodePass, makeDispatch } from "../graph/program.ts";
import type { Trajectory } from "../weights/trajectory.ts";
import type { ModelSpec } from "../nn/model.ts";
import { kernelBase, LoadedSet, type Predictor, type PreparedJoint } from "./predictor.ts";

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

/** Applies a predictor to a trajectory; see {@link Rewinder.create}. */
export class Rewinder {
  readonly predictor: Predictor;
  /** FLOP of one rewind. */
  readonly flop: number;
  readonly #gpu: Gpu;
  readonly #trajectory: Trajectory;
  readonly #loaded: readonly LoadedSet[];
  readonly #joint: PreparedJoint | undefined;
  readonly #dispatches: readonly Dispatch[];
  readonly #predicted: readonly GPUBuffer[];
  readonly #small: readonly GPUBuffer[];
  readonly #flags: GPUBuffer;

  private constructor(
    trajectory: Trajectory,
    predictor: Predictor,
    parts: {
      loaded: readonly LoadedSet[];
      joint: PreparedJoint | undefined;
      dispatches: readonly Dispatch[];
      predicted: readonly GPUBuffer[];
      small: readonly GPUBuffer[];
      flags: GPUBuffer;
    },
  ) {
    this.#gpu = trajectory.gpu;
    this.#trajectory = trajectory;
    this.predictor = predictor;
    this.#loaded = parts.loaded;
    this.#joint = parts.joint;
    this.#dispatches = parts.dispatches;
    this.#predicted = parts.predicted;
    this.#small = parts.small;
    this.#flags = parts.flags;
    this.flop = parts.dispatches.reduce((sum, dispatch) => sum + dispatch.flop, 0);
  }

  /**
   * Compiles the predictor for a trajectory's layout; takes 4 bytes a coordinate for the predictions.
   *
   * @param spec the recorded model, which a predictor that follows its connections needs.
   * @throws GpuError if the windows differ or a recorded kind has no weight set.
   */
  static async create(
    trajectory: Trajectory,
    predictor: Predictor,
    spec?: ModelSpec,
  ): Promise<Rewinder> {
    const { gpu, plan } = trajectory;
    if (plan.window !== predictor.window) {
      throw new GpuError(
        `predictor "${predictor.name}" needs ${predictor.window} snapshots, the trajectory records ${plan.window}.`,
      );
    }
    if (trajectory.reversed !== (predictor.reversed ?? false)) {
      throw new GpuError(
        `predictor "${predictor.name}" needs the ${predictor.reversed === true ? "newest" : "oldest"} snapshot first.`,
      );
    }
    const served = new Set<ParameterKind>(predictor.sets.flatMap((set) => set.kinds));
    const orphan = plan.tracks.find((track) => !served.has(track.slot.kind));
    if (orphan !== undefined && predictor.joint === undefined) {
      throw new GpuError(
        `predictor "${predictor.name}" has no weights for kind "${orphan.slot.kind}" (parameter ` +
          `"${orphan.slot.name}"): leave that kind out of the rewind or give weights for it.`,
      );
    }
    const loaded = await Promise.all(predictor.sets.map((set) => LoadedSet.load(gpu, set)));
    const predicted = Object.values(
      await gpu.allocate(
        Object.fromEntries(plan.chunks.map((c, i) => [`predicted[${i}]`, 4 * c.length])),
      ),
    );
    const jobs = trajectory.chunks.flatMap((chunk, i) =>
      loaded.flatMap((set) =>
        plan
          .ranges(chunk, set.set.kinds)
          .map((range) => ({ chunk, set, range, predicted: predicted[i]! })),
      ),
    );
    const checks = trajectory.chunks.flatMap((chunk, i) =>
      plan.pieces(chunk).map((piece) => ({ piece, predicted: predicted[i]! })),
    );
    const { uniforms } = await gpu.allocate(
      { uniforms: 256 * (jobs.length + checks.length) },
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    );
    const { flags } = await gpu.allocate({ flags: 4 * plan.tracks.length });
    const joint = await predictor.joint?.prepare({ trajectory, predicted, spec });
    const dispatches: Dispatch[] = [...(joint?.dispatches ?? [])];
    let unpacked: Dispatch | undefined;
    for (const [i, { chunk, set, range, predicted: out }] of jobs.entries()) {
      if (chunk.unpack !== unpacked) dispatches.push((unpacked = chunk.unpack!));
      const history = { buffer: chunk.buffer, offset: 0, size: chunk.buffer.size };
      dispatches.push(
        await set.dispatch(
          { ...range, stride: chunk.stride, outFirst: range.first },
          kernelBase(predictor),
          {
            history,
            predicted: { buffer: out, offset: 0, size: out.size },
            uniform: { buffer: uniforms, offset: 256 * i, size: 16 },
          },
        ),
      );
    }
    for (const [i, { piece, predicted: out }] of checks.entries()) {
      const offset = 256 * (jobs.length + i);
      const slot = plan.tracks.indexOf(piece.track);
      gpu.write(uniforms, Uint32Array.of(piece.inChunk, piece.length, slot, 0), offset);
      dispatches.push(
        await makeDispatch(
          gpu,
          { shader: "predict/check-finite", constants: {}, threads: piece.length },
          {
            predicted: { buffer: out },
            range: { buffer: uniforms, offset, size: 16 },
            flags: { buffer: flags },
          },
          { flop: 0, bytes: 4 * piece.length },
        ),
      );
    }
    return new Rewinder(trajectory, predictor, {
      loaded,
      joint,
      dispatches,
      predicted,
      small: [uniforms, flags],
      flags,
    });
  }

  /**
   * Predicts from the recorded window and overwrites the arena's recorded parameters.
   *
   * @throws PredictionError naming the parameters whose prediction is not finite; the arena is untouched.
   */
  async apply(arena: Arena): Promise<void> {
    const { plan } = this.#trajectory;
    this.#trajectory.requireComplete();
    this.#gpu.submit(
      (encoder) => {
        encoder.clearBuffer(this.#flags);
        encodePass(encoder, this.#dispatches);
      },
      1,
      `rewind ${this.predictor.name}`,
    );
    const [bytes] = await this.#gpu.read({
      buffer: this.#flags,
      offset: 0,
      size: 4 * plan.tracks.length,
    });
    const flags = new Uint32Array(bytes!);
    const bad = plan.tracks.filter((_, i) => flags[i] !== 0).map((track) => track.slot.name);
    if (bad.length > 0) throw new PredictionError(this.predictor.name, bad);
    this.#gpu.submit((encoder) => {
      for (const [i, chunk] of this.#trajectory.chunks.entries()) {
        for (const { track, inSlot, inChunk, length } of plan.pieces(chunk)) {
          const { slot } = track;
          encoder.copyBufferToBuffer(
            this.#predicted[i]!,
            4 * inChunk,
            arena.buffers[slot.shard]!,
            4 * (slot.offset + inSlot),
            4 * length,
          );
        }
      }
    });
  }

  /** How many snapshots ahead the next prediction is, where the predictor leaves a choice. */
  aim(step: number): void {
    if (this.#joint === undefined) {
      throw new GpuError(
        `predictor "${this.predictor.name}" aims ${this.predictor.reach}, always.`,
      );
    }
    this.#joint.aim(step);
  }

  destroy(): void {
    this.#joint?.destroy();
    for (const set of this.#loaded) set.destroy();
    this.#gpu.free(...this.#predicted, ...this.#small);
  }
}
