/** Replays a program step after step, in submits short enough to be interrupted. */
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

/** Time one submit should take: short enough to interrupt and to stay clear of watchdogs. */
const submitMs = 400;

/** Milliseconds a step took when it was last replayed: the next epoch need not begin with short submits. */
const lastStepMs = new WeakMap<Replayed, number>();

/**
 * Replays a program in submits of about {@link submitMs}, waiting for each so that it can be interrupted.
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
    Math.max(1, Math.min(left, 256, Math.round(submitMs / perStep)));
  let chunk = known === undefined ? Math.min(steps, 2) : chunkOf(steps, known);
  for (let done = 0; done < steps;) {
    watch.signal?.throwIfAborted();
    const start = performance.now();
    program.run(chunk, done + chunk === steps ? after : undefined);
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
