/** Networks of which others have published checkpoints. */
import { UsageError } from "../src/errors.ts";
import type { PublishedNetwork } from "../src/io/pretrained.ts";
import { networks } from "./index.ts";

/** Names of the networks that others have published checkpoints of. */
export function publishedNetworkNames(): string[] {
  return networks.all.filter(({ published }) => published !== undefined).map(({ name }) => name);
}

/** How a network is published. @throws UsageError for one that is not. */
export function publishedNetwork(name: string): PublishedNetwork {
  const { published } = networks.find(name);
  if (published === undefined) {
    throw new UsageError(
      `network "${name}" has no published names; there are: ${publishedNetworkNames().join(", ")}.`,
    );
  }
  return { name, formats: published };
}
