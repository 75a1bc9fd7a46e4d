/** The predictor that ships with Rewind: an InvWNN of three sets. */
import { sha256 } from "../platform/digest.ts";
import { setNames } from "./loader.ts";

/** What the file of a set is called. */
export function shippedName(set: (typeof setNames)[number]): string {
  return `invwnn-${set}.safetensors`;
}

/** The bytes of the file of a set. They are loaded when asked for. */
export async function shippedBytes(
  set: (typeof setNames)[number],
): Promise<Uint8Array<ArrayBuffer>> {
  const { weightBytes } = await import("#weights");
  return weightBytes(shippedName(set));
}

/** The first digits of a checksum over the shipped files. */
export async function shippedDigest(): Promise<string> {
  const sums = await Promise.all(setNames.map(async (set) => sha256(await shippedBytes(set))));
  return (await sha256(new TextEncoder().encode(sums.join()))).slice(0, 16);
}
