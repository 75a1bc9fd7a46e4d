/** An experiment on one data set, as data: what is trained, what competes, and what is measured. */
import type { ModelConfig } from "../../models/index.ts";
import type { DataConfig, ForgetConfig, TrainConfig } from "../runs/config.ts";
import { defaults } from "../runs/defaults.ts";
import { scenarios } from "../scenarios/index.ts";
import type { Experiment } from "../scenarios/scenario.ts";
import { UsageError } from "../errors.ts";
import type { Arm, ArmContext } from "../unlearn/arm.ts";
import { armsOf, chooseArms, isReference, type Variant, variantOf, withMemory } from "./arms.ts";
import {
  diffusionExperiment,
  diffusionName,
  drawerTraining,
  drawingArmsOf,
  untouchedArm,
} from "./diffusion.ts";
import { channelsOf, type Overrides, type Size, scaleOf, smallSide } from "./scale.ts";
import { usualWidenings } from "./widening.ts";

/** An experiment on one data set. */
export interface Protocol extends Experiment {
  /** Name of the experiment, which is its scenario's. */
  readonly name: string;
  readonly train: (seed: number) => TrainConfig;
  /** Whether a run also ends where its network has collapsed; see `collapseFloor`. */
  readonly endCollapsed: boolean;
  /** How often tuning goes on beyond its grid where the best lies at an edge. */
  readonly widenings: number;
  /** Scores measured after every round; all of them at the start and the end. */
  readonly scores: readonly string[];
  /** Those that run. */
  readonly arms: readonly Arm[];
  /** All there are, those of a published predictor included. */
  readonly known: readonly Arm[];
}

/** Names of the experiments whose arms are unlearning methods. */
export function experimentNames(): readonly string[] {
  const ofScenarios = scenarios.all.flatMap(({ name, experiment }) =>
    experiment === undefined ? [] : [name],
  );
  return [...ofScenarios, diffusionName];
}

/** What an experiment is, by its name; undefined if there is none. */
export function experimentNamed(name: string): Experiment | undefined {
  if (name === diffusionName) return diffusionExperiment;
  return scenarios.has(name) ? scenarios.find(name).experiment : undefined;
}

/** Which arms run, on what, and how large. */
export interface ProtocolOptions {
  readonly size: Size;
  /** Folder of the authors' predictors, for the arms that use it. */
  readonly published?: string | undefined;
  /** Names of the arms to run; absent: all. */
  readonly only?: readonly string[] | undefined;
  /** More arms, each one of those with settings changed. */
  readonly variants?: readonly Variant[] | undefined;
  /** Another network than the compact CNN. */
  readonly model?: string | ModelConfig | undefined;
  /** Which images are D_f; absent: the scenario draws them anew for each seed. */
  readonly forget?: ForgetConfig | undefined;
  /** The file that the network is declared in, where it is the user's own. */
  readonly modelFile?: string | undefined;
  /** Instead of the size's {@link Protocol.widenings}. */
  readonly widenings?: number | undefined;
  /** Changes to the scale. */
  readonly overrides?: Overrides | undefined;
}

/**
 * The protocol of an experiment on a data set.
 *
 * @throws UsageError for an unknown experiment, arm or variant.
 */
export function protocolOf(
  name: string,
  data: Pick<DataConfig, "name" | "dir" | "size" | "classes">,
  options: ProtocolOptions,
): Protocol {
  if (name === diffusionName) return diffusionProtocol(data, options);
  const { size, published, only, variants = [], overrides, forget, modelFile } = options;
  const { model = defaults.network } = options;
  const { experiment } = scenarios.find(name);
  if (experiment === undefined) {
    throw new UsageError(`scenario "${name}" does not say how an experiment on it is run.`);
  }
  const scale = scaleOf(
    experiment,
    size,
    data.name,
    typeof model === "string" ? { name: model } : model,
    overrides,
  );
  const { train, test, recipe } = scale;
  const tiny = size === "tiny";
  const { share, ...others } = experiment.settings(channelsOf(data.name));
  const settings = forget === undefined && share !== undefined ? { share, ...others } : others;
  const context: ArmContext = {
    ...scale,
    tiny,
    stepsPerRound: tiny ? undefined : experiment.stepsPerRound,
    trainingEpochs: recipe.epochs,
    byLoss: experiment.until.forgetLoss !== undefined,
    published,
  };
  const readsRetained = experiment.retains;
  const all = armsOf(context, recipe, readsRetained);
  const chosen = chooseArms(
    name,
    all,
    only,
    (arm) => experiment.againstRetrained && isReference(arm),
  );
  return {
    ...experiment,
    name,
    endCollapsed: !tiny,
    widenings: options.widenings ?? (tiny ? 0 : usualWidenings),
    scores: [experiment.x, ...experiment.y].map(({ score }) => score),
    arms: [...chosen, ...variants.map((variant) => variantOf(variant, chosen))],
    known: armsOf({ ...context, published: published ?? "" }, recipe, readsRetained),
    train: (seed) => ({
      data: {
        ...(size === "small" ? { size: smallSide } : {}),
        ...data,
        ...(train === undefined ? {} : { trainCount: train }),
        ...(test === undefined ? {} : { testCount: test }),
      },
      scenario: { name, ...settings },
      ...recipe,
      ...(forget && { forget }),
      ...(modelFile === undefined ? {} : { modelFile }),
      seed,
    }),
  };
}

function diffusionProtocol(
  data: Pick<DataConfig, "name" | "dir" | "size" | "classes">,
  { size, only, variants = [], overrides, forget }: ProtocolOptions,
): Protocol {
  const train = (seed: number): TrainConfig =>
    drawerTraining({ size, data, forget, overrides }, seed);
  const all = withMemory(drawingArmsOf(size, train(0).epochs), train(0));
  const chosen = chooseArms(diffusionName, all, only, () => false);
  const { x, y, endColumns } = diffusionExperiment;
  return {
    ...diffusionExperiment,
    name: diffusionName,
    endCollapsed: false,
    widenings: 0,
    scores: [...new Set([x, ...y, ...endColumns].map(({ score }) => score))],
    arms: [...chosen, ...variants.map((variant) => variantOf(variant, chosen))],
    known: [untouchedArm, ...all],
    train,
  };
}
