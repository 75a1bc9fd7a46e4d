/** Models by name: one file each, one line here. */
import type { Value } from "../src/graph/value.ts";
import type { Layers } from "../src/nn/layers.ts";
import type { ModelSpec } from "../src/nn/model.ts";
import { convNext, convNextAtto, convNextTiny } from "./conv-next.ts";
import { pvtV2, pvtV2B0 } from "./pvt-v2.ts";
import { resnet18 } from "./resnet.ts";
import { simpleNet } from "./simple-net.ts";
import { smallCnn, smallCnnDefaults } from "./small-cnn.ts";
import { mlp, tinyCnn, tinyResNet, tinyVit } from "./tiny.ts";

/** From images [N, H, W, C] to logits [N, classes]. */
type Network = (layers: Layers, x: Value, classes: number) => Value;

const networks = {
  mlp,
  "tiny-cnn": tinyCnn,
  "tiny-resnet": tinyResNet,
  "tiny-vit": tinyVit,
  "simple-net": simpleNet,
  resnet18: (layers, x, classes) => resnet18(layers, x, classes, "authors"),
  "resnet18-cifar": (layers, x, classes) => resnet18(layers, x, classes, "cifar"),
  "resnet18-imagenet": (layers, x, classes) => resnet18(layers, x, classes, "imagenet"),
  "pvt-v2-b0": (layers, x, classes) => pvtV2(layers, x, classes, pvtV2B0),
  "convnext-t": (layers, x, classes) => convNext(layers, x, classes, convNextTiny),
  "convnext-atto": (layers, x, classes) => convNext(layers, x, classes, convNextAtto),
} satisfies Record<string, Network>;

/** Names of all models. */
export const modelNames = [
  "small-cnn",
  ...(Object.keys(networks) as (keyof typeof networks)[]),
] as const;

/** A model by name; `filters` and `hidden` are settings of the small CNN. */
export interface ModelConfig {
  readonly name: (typeof modelNames)[number];
  readonly filters?: readonly [number, number] | undefined;
  readonly hidden?: number | undefined;
}

/** A model for images of a size. The spec's name carries the settings, so checkpoints can be compared. */
export function modelSpec(
  config: ModelConfig,
  input: readonly [number, number, number],
  classes: number,
): ModelSpec {
  const ends = `${input.join("×")} → ${classes}`;
  const spec = { inputs: [input], output: [classes] };
  if (config.name !== "small-cnn") {
    const network: Network = networks[config.name];
    return {
      ...spec,
      name: `${config.name}(${ends})`,
      build: (layers, [x]) => network(layers, x!, classes),
    };
  }
  const filters = config.filters ?? smallCnnDefaults.filters;
  const hidden = config.hidden ?? smallCnnDefaults.hidden;
  const sizes = `${filters.join("-")}${hidden > 0 ? `-${hidden}` : ""}`;
  return {
    ...spec,
    name: `small-cnn(${sizes}, ${ends})`,
    build: (layers, [x]) => smallCnn(layers, x!, classes, { filters, hidden }),
  };
}
