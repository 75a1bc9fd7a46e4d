/** Unlearning methods by name: one file each, one line here. */
import { z } from "zod";
import { UsageError } from "../../errors.ts";
import { entryKinds, entrySchema, Registry } from "../../registry.ts";
import type { Watch } from "../../train/replay.ts";
import type { ChosenMethod, MethodChoosers } from "./choosers.ts";
import { boundary } from "./boundary.ts";
import { boundaryExpand } from "./boundary-expand.ts";
import { deleteMethod } from "./delete.ts";
import { fineTune } from "./fine-tune.ts";
import { fisher } from "./fisher.ts";
import type { Settings } from "../arm.ts";
import {
  type Method,
  requireClasses,
  requireTask,
  restrict,
  type Subject,
  type UnlearnSession,
  type UnlearnRequest,
} from "../method.ts";
import { jit } from "./jit.ts";
import { negGrad } from "./neg-grad.ts";
import { negmerge } from "./negmerge.ts";
import { negGradPlus } from "./neg-grad-plus.ts";
import { randomLabel } from "./random-label.ts";
import { retrain } from "./retrain.ts";
import { linearRewind, randomRewind, rewind } from "./rewind.ts";
import { salun } from "./salun.ts";
import { scrub } from "./scrub.ts";
import { ssd } from "./ssd.ts";
import { taskVector } from "./task-vector.ts";
import { temperature } from "./temperature.ts";

const entries = {
  rewind,
  linearRewind,
  randomRewind,
  taskVector,
  negmerge,
  negGrad,
  randomLabel,
  boundary,
  boundaryExpand,
  delete: deleteMethod,
  jit,
  temperature,
  salun,
  fineTune,
  scrub,
  negGradPlus,
  ssd,
  fisher,
  retrain,
};

const choosers = Object.fromEntries(
  Object.entries(entries).map(([property, { name }]) => [
    property,
    (settings: object = {}) => ({ method: name, settings }),
  ]),
) as { [Name in keyof typeof entries]: (settings?: object) => Required<ChosenMethod> };

/**
 * All methods: ours, its controls, the baselines on D_f, those that need D_r; `methods.add(…)` makes another one known to
 * commands and experiments. Each is also a function that chooses it with settings:
 * `methods.rewind({ learningRate: 1e-4 })`.
 */
export const methods: Registry<Method> & MethodChoosers = Object.assign(
  new Registry<Method>(
    "unlearning method",
    Object.values(entries),
    entrySchema({
      summary: entryKinds.text,
      reads: z.enum(["D_f", "D_r", "D_f and D_r"]),
      settings: entryKinds.schema,
      create: entryKinds.function,
    }),
  ),
  choosers as MethodChoosers,
);

/** Whether a method has a setting of a name. */
export function hasSetting(method: string, setting: string): boolean {
  const { shape = {} } = methods.find(method).settings as { readonly shape?: object };
  return setting in shape;
}

/** Settings of a method with its defaults filled in. @throws UsageError naming each wrong setting. */
export function methodSettings(name: string, given: unknown): Record<string, unknown> {
  const parsed = methods.find(name).settings.safeParse(given);
  if (!parsed.success) {
    const { shape = {} } = methods.find(name).settings as { readonly shape?: object };
    const issues = parsed.error.issues.map((issue) => {
      const { path, message } = issue;
      if (issue.code === "unrecognized_keys" && path.length === 0) {
        const unknown = issue.keys.map((key) => `"${key}"`).join(", ");
        return `there is no setting ${unknown}; there are: ${Object.keys(shape).join(", ")}`;
      }
      return path.length === 0 ? message : `${path.join(".")}: ${message}`;
    });
    throw new UsageError(`${name}: ${issues.join("; ")}.`);
  }
  return parsed.data as Record<string, unknown>;
}

/** Whether a method takes some settings. */
export function takesSettings(name: string, given: Settings): boolean {
  return methods.find(name).settings.safeParse(given).success;
}

/**
 * Refuses what {@link startMethod} could not start on. Reads the file of a predictor at most, so that it comes before a
 * device is opened or a folder made.
 *
 * @throws UsageError saying which setting, network or image it is; DataError for a predictor's file.
 */
export async function checkMethod(
  name: string,
  settings: unknown,
  subject: Subject,
): Promise<void> {
  const method = methods.find(name);
  requireTask(method, subject.task);
  requireClasses(method, subject.spec.output[0]!);
  await method.check?.(methodSettings(name, settings), subject);
}

/** Starts a method on a request, of which it sees only what it declares to read. */
export function startMethod(
  name: string,
  request: UnlearnRequest,
  settings: unknown,
  watch: Watch = {},
): Promise<UnlearnSession> {
  const method = methods.find(name);
  return method.create(restrict(request, method), methodSettings(name, settings), watch);
}
