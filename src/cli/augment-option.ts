/** The option that `--augment` and `--forget-augment` are. */
import { Option } from "commander";
import { paperAugmentation, strongAugmentation } from "../feed/augment.ts";

/** The paper's augmentations: of ResNet-18, and of PVTv2 and ConvNeXt. */
export const augmentations = { moved: paperAugmentation, strong: strongAugmentation } as const;

/** What `--augment` and `--forget-augment` take. */
export type AugmentationName = keyof typeof augmentations;

/** An option with the name of an augmentation as its value. `what`: what its help says. */
export function augmentOption(flags: string, what: string): Option {
  const kinds = "moved: as the paper does for ResNet-18; strong: as it does for PVTv2 and ConvNeXt";
  return new Option(flags, `${what} (${kinds})`)
    .choices(Object.keys(augmentations))
    .preset("moved");
}
