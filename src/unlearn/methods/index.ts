/** Every unlearning method by name. */
import { GpuError } from "../../errors.ts";
import type { Watch } from "../../train/replay.ts";
import { boundary } from "./boundary.ts";
import { fineTune } from "./fine-tune.ts";
import { fisher } from "./fisher.ts";
import { type Method, restrict, type UnlearnSession, type UnlearnRequest } from "../method.ts";
import { negGrad } from "./neg-grad.ts";
import { randomLabel } from "./random-label.ts";
import { retrain } from "./retrain.ts";
import { linearRewind, randomRewind, rewind } from "./rewind.ts";
import { salun } from "./salun.ts";
import { scrub } from "./scrub.ts";
import { taskVector } from "./task-vector.ts";

/** All methods: ours, its controls, the baselines on D_f, those that need D_r. */
export const methods: readonly Method[] = [
  rewind,
  linearRewind,
  randomRewind,
  taskVector,
  negGrad,
  randomLabel,
  boundary,
  salun,
  fineTune,
  scrub,
  fisher,
  retrain,
] as unknown as readonly Method[];

/** Names of all methods. */
export const methodNames: readonly string[] = methods.map((method) => method.name);

/** @throws GpuError listing the methods there are. */
export function findMethod(name: string): Method {
  const method = methods.find((candidate) => candidate.name === name);
  if (method === undefined) {
    throw new GpuError(`no unlearning method "${name}"; there are: ${methodNames.join(", ")}.`);
  }
  return method;
}

/** Settings of a method with its defaults filled in. @throws GpuError naming each wrong setting. */
export function methodSettings(name: string, given: unknown): Record<string, unknown> {
  const parsed = findMethod(name).settings.safeParse(given);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join(".")}: ${message}`,
    );
    throw new GpuError(`${name}: ${issues.join("; ")}.`);
  }
  return parsed.data as Record<string, unknown>;
}

/** Starts a method on a task, of which it sees only what it declares to read. */
export function startMethod(
  name: string,
  task: UnlearnRequest,
  settings: unknown,
  watch: Watch = {},
): Promise<UnlearnSession> {
  const method = findMethod(name);
  return method.create(restrict(task, method), methodSettings(name, settings), watch);
}
