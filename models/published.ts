/** Networks of which others have published checkpoints. */
import { type PublishedNetwork, sameNames } from "../src/io/pretrained.ts";
import { networks } from "./index.ts";

/** Names of the networks that others have published checkpoints of. */
export function publishedNetworkNames(): string[] {
  return networks.all.filter(({ published }) => published !== undefined).map(({ name }) => name);
}

/** How a network is published; one that nobody else has published: with its own names, in PyTorch's layouts. */
export function publishedNetwork(name: string): PublishedNetwork {
  return { name, formats: networks.find(name).published ?? sameNames };
}

/** The network that timm calls so, or undefined. */
export function networkOfTimm(architecture: string): string | undefined {
  return networks.all.find(({ timm }) => timm === architecture)?.name;
}
