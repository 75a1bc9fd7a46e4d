/** The predictor that ships with Rewind: an InvWNN of three sets. */
import { sha256 } from "../platform/digest.ts";
import { readBytes } from "../platform/files.ts";
import { setNames } from "./loader.ts";

/** The file of a set. */
export function shippedFile(set: (typeof setNames)[number]): URL {
  return new URL(`../../models/weights/invwnn-${set}.safetensors`, import.meta.url);
}

/** The first digits of a checksum over the shipped files. */
export async function shippedDigest(): Promise<string> {
  const sums = await Promise.all(
    setNames.map(async (set) => sha256(await readBytes(shippedFile(set)))),
  );
  return (await sha256(new TextEncoder().encode(sums.join()))).slice(0, 16);
}
