/** Networks by name: one file each, one line here. */
import { z } from "zod";
import { isList, isObject, requireGiven } from "../src/checked.ts";
import { requireCount, UsageError } from "../src/errors.ts";
import type { ModelSpec } from "../src/nn/model.ts";
import { type Choice, choiceSchema, entryKinds, entrySchema, Registry } from "../src/registry.ts";
import { convNextAttoNetwork, convNextTinyNetwork } from "./conv-next.ts";
import { described } from "./described.ts";
import type { Network, NetworkTask } from "./network.ts";
import { pvtV2B0Network } from "./pvt-v2.ts";
import { resnet18Authors, resnet18Cifar, resnet18ImageNet } from "./resnet.ts";
import { simpleNetNetwork } from "./simple-net.ts";
import { smallCnnNetwork } from "./small-cnn.ts";
import { unetNetwork } from "./unet.ts";
import { mlpNetwork, tinyCnnNetwork, tinyResNetNetwork, tinyVitNetwork } from "./tiny.ts";

/** All networks; `networks.add(…)` makes another one known to configurations and commands. */
export const networks: Registry<Network> = new Registry(
  "network",
  [
    smallCnnNetwork,
    mlpNetwork,
    tinyCnnNetwork,
    tinyResNetNetwork,
    tinyVitNetwork,
    simpleNetNetwork,
    resnet18Authors,
    resnet18Cifar,
    resnet18ImageNet,
    pvtV2B0Network,
    convNextTinyNetwork,
    convNextAttoNetwork,
    unetNetwork,
    described,
  ],
  entrySchema({ settings: entryKinds.settings, build: entryKinds.function }),
);

/** Which network, with its settings. */
export type ModelConfig = Choice;

/** Validates a network with its settings. */
export const modelSchema: z.ZodType<ModelConfig, ModelConfig> = choiceSchema(networks);

/**
 * A network for images of a size. The spec's name carries the settings, so checkpoints can be compared.
 *
 * @throws UsageError for settings that the network has not, and for sizes that are none.
 */
export function modelSpec(
  config: ModelConfig,
  input: readonly [number, number, number],
  classes: number,
): ModelSpec {
  requireGiven(isObject(config), "modelSpec", "a network with its settings", config);
  requireGiven(
    isList(input) &&
      input.length === 3 &&
      input.every((size) => Number.isSafeInteger(size) && size > 0),
    "modelSpec: input",
    "[height, width, channels]",
    input,
  );
  const { name, ...settings } = config;
  const network = networks.find(name);
  const { success, error } = network.settings.safeParse(settings);
  if (!success) {
    throw new UsageError(`network "${name}": ${z.prettifyError(error)}`);
  }
  const label = network.label?.(settings);
  const denoises = taskOf({ name }) === "diffusion";
  if (!denoises) requireCount("modelSpec: classes", classes);
  const to = denoises ? "noise" : classes;
  return {
    name: `${name}(${label === undefined ? "" : `${label}, `}${input.join("×")} → ${to})`,
    inputs: denoises ? [input, []] : [input],
    output: denoises ? input : [classes],
    build: (layers, [x, variance]) => network.build(layers, x!, classes, settings, variance),
  };
}

/** Networks for some tasks that a name alone says all of: one that is described needs its description. */
export function namedNetworks(
  tasks: readonly NetworkTask[] = ["classification", "diffusion"],
): string[] {
  return networks.all
    .filter(
      ({ name, settings }) => tasks.includes(taskOf({ name })) && settings.safeParse({}).success,
    )
    .map(({ name }) => name);
}

/** What a network is for. */
export function taskOf({ name }: Pick<ModelConfig, "name">): NetworkTask {
  return networks.find(name).task ?? "classification";
}
