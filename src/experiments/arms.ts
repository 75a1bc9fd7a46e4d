/** Which methods compete in an experiment, and with which settings. */
import { UsageError } from "../errors.ts";
import { memoryFields } from "../train/memory.ts";
import type { Arm, ArmContext, Settings } from "../unlearn/arm.ts";
import { hasSetting, methods } from "../unlearn/methods/index.ts";
import type { Recipe } from "./scale.ts";

/** An arm with some of its settings changed, to see what they do. */
export interface Variant {
  readonly arm: string;
  readonly settings: Settings;
}

/** Whether a method can split its steps into passes and store activations otherwise. */
function hasMemoryFields(method: string): boolean {
  return Object.keys(memoryFields).every((field) => hasSetting(method, field));
}

/** Arms of which those that can keep to what a training's recipe says about memory. */
export function withMemory(
  arms: readonly Arm[],
  recipe: Pick<Recipe, keyof typeof memoryFields>,
): Arm[] {
  const fields = Object.keys(memoryFields) as (keyof typeof memoryFields)[];
  const given = fields.filter((field) => recipe[field] !== undefined);
  const memory = Object.fromEntries(given.map((field) => [field, recipe[field]]));
  return arms.map((arm) =>
    hasMemoryFields(arm.method) ? { ...arm, settings: { ...memory, ...arm.settings } } : arm,
  );
}

/**
 * Every arm there is, the reference first.
 *
 * @param readsRetained whether there is a D_r; without one, methods that read it are left out.
 */
export function armsOf(context: ArmContext, recipe: Recipe, readsRetained: boolean): Arm[] {
  const able = methods.all.filter(({ reads }) => readsRetained || reads === "D_f");
  const references = able.filter(({ reference }) => reference === true);
  const others = able.filter(({ reference }) => reference !== true);
  const arms = [...references, ...others].flatMap((method) => method.arms?.(context) ?? []);
  return withMemory(arms, recipe);
}

/** Whether an arm is of a method that others are measured against. */
export function isReference({ method }: Pick<Arm, "method">): boolean {
  return methods.has(method) && methods.find(method).reference === true;
}

/**
 * The arms that are asked for. Figures show a method that was asked for by its name, unless it is what others are measured
 * against.
 *
 * @param keep says of an arm that it runs whether it is asked for or not.
 * @throws UsageError for an unknown name.
 */
export function chooseArms(
  experiment: string,
  all: readonly Arm[],
  only: readonly string[] | undefined,
  keep: (arm: Arm) => boolean,
): readonly Arm[] {
  if (only === undefined) return all;
  const unknown = only.find((name) => !all.some((arm) => arm.name === name));
  if (unknown !== undefined) {
    throw new UsageError(
      `experiment ${experiment}: no arm "${unknown}"; there are: ${all.map((arm) => arm.name).join(", ")}.`,
    );
  }
  return (
    all
      .filter((arm) => only.includes(arm.name) || keep(arm))
      .map((arm) => (isReference(arm) ? arm : { ...arm, hidden: false }))
      // Without the arm whose settings it would take over, an arm is tuned itself.
      .map((arm) => {
        if (arm.tunedAs === undefined || only.includes(arm.tunedAs)) return arm;
        const { tunedAs, ...own } = arm;
        const { trials, widens } = all.find((other) => other.name === tunedAs)!;
        return { ...own, trials, widens };
      })
  );
}

/** The arm of a variant. @throws UsageError if its arm is not among those that run. */
export function variantOf({ arm: name, settings }: Variant, arms: readonly Arm[]): Arm {
  const arm = arms.find((candidate) => candidate.name === name);
  if (arm === undefined) {
    throw new UsageError(
      `a variant of "${name}", which is not run; the arms are: ${arms.map((one) => one.name).join(", ")}.`,
    );
  }
  const changes = Object.entries(settings).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const { method, rounds } = arm;
  return {
    name: [name, ...changes].join(" "),
    method,
    settings: { ...arm.settings, ...settings },
    trials: [],
    rounds,
    tunedAs: arm.tunedAs ?? arm.name,
  };
}
