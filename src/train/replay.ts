/** Replays a program step after step, in chunks short enough to be interrupted. */
import type { Gpu } from "../gpu/device.ts";

/** What long work is at: the steps of a training or an unlearning, or what comes before and after them. */
export type Phase = "steps" | "preparing" | "predicting" | "measuring";

/** Interruption and progress of long work. */
export interface Watch {
  readonly signal?: AbortSignal | undefined;
  /** Called after each chunk of steps with the steps done and all steps. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
  /** Called where a phase begins; the progress after it is that of this phase. */
  readonly phase?: ((phase: Phase) => void) | undefined;
  /** Called after each chunk with the seconds it took: compiling is not among them. */
  readonly addSeconds?: ((seconds: number) => void) | undefined;
}

/** Something that submits so many steps: a program, or several in turn. */
export interface Replayed {
  /** @param after encodes what comes behind the last of them into its command buffer. */
  run(times: number, after?: (encoder: GPUCommandEncoder) => void): void;
}

/** Time of a chunk, which is waited for: short enough to interrupt and to stay clear of watchdogs. */
const chunkMs = 400;

/**
 * Time of a part of a chunk, which is a submit: while the device works at one, the host encodes the next. One submit for the
 * whole chunk leaves the device without work until everything is encoded: 0.16 of the 0.33 ms that a step of the small CNN
 * takes on an H200.
 */
const partMs = 4;

/** Milliseconds a step took when it was last replayed: the next epoch need not begin with short chunks. */
const lastStepMs = new WeakMap<Replayed, number>();

/**
 * Replays a program in chunks of about {@link chunkMs}, waiting for each so that it can be interrupted.
 *
 * @param after encodes what comes behind the last step, into its submit.
 */
export async function replay(
  gpu: Gpu,
  program: Replayed,
  steps: number,
  watch: Watch = {},
  after?: (encoder: GPUCommandEncoder) => void,
): Promise<void> {
  const known = lastStepMs.get(program);
  const chunkOf = (left: number, perStep: number): number =>
    Math.max(1, Math.min(left, 256, Math.round(chunkMs / perStep)));
  let chunk = known === undefined ? Math.min(steps, 2) : chunkOf(steps, known);
  for (let done = 0; done < steps;) {
    watch.signal?.throwIfAborted();
    const start = performance.now();
    const part = Math.max(1, Math.round(partMs / (lastStepMs.get(program) ?? partMs)));
    for (let left = chunk; left > 0; left -= part) {
      const last = left <= part && done + chunk === steps;
      program.run(Math.min(part, left), last ? after : undefined);
    }
    await gpu.idle();
    const passed = performance.now() - start;
    const perStep = passed / chunk;
    watch.addSeconds?.(passed / 1000);
    done += chunk;
    watch.progress?.(done, steps);
    lastStepMs.set(program, perStep);
    chunk = Math.min(2 * chunk, chunkOf(steps - done, perStep));
  }
}
