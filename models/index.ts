/** Networks by name: one file each, one line here. */
import { z } from "zod";
import { UsageError } from "../src/errors.ts";
import type { ModelSpec } from "../src/nn/model.ts";
import { type Choice, choiceSchema, entryKinds, entrySchema, Registry } from "../src/registry.ts";
import { convNextAttoNetwork, convNextTinyNetwork } from "./conv-next.ts";
import { described } from "./described.ts";
import type { Network } from "./network.ts";
import { pvtV2B0Network } from "./pvt-v2.ts";
import { resnet18Authors, resnet18Cifar, resnet18ImageNet } from "./resnet.ts";
import { simpleNetNetwork } from "./simple-net.ts";
import { smallCnnNetwork } from "./small-cnn.ts";
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
 * @throws UsageError for settings that the network has not.
 */
export function modelSpec(
  { name, ...settings }: ModelConfig,
  input: readonly [number, number, number],
  classes: number,
): ModelSpec {
  const network = networks.find(name);
  const { success, error } = network.settings.safeParse(settings);
  if (!success) {
    throw new UsageError(`network "${name}": ${z.prettifyError(error)}`);
  }
  const label = network.label?.(settings);
  return {
    name: `${name}(${label === undefined ? "" : `${label}, `}${input.join("×")} → ${classes})`,
    inputs: [input],
    output: [classes],
    build: (layers, [x]) => network.build(layers, x!, classes, settings),
  };
}
