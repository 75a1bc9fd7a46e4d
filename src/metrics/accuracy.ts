/** Shares of a set that a network classifies as labelled, from logits. */
import { hits } from "./classification.ts";
import type { Logits } from "./logits.ts";
import { type Measurement, share } from "./measurement.ts";

/** The share of a set classified as its label; `wrong`: the share that is not. */
export function shareRight(
  logits: Logits,
  set: string,
  { wrong = false, ...text }: { name: string; definition: string; wrong?: boolean },
): Measurement {
  const { labels } = logits.set(set);
  const right = hits(logits.samples(set), labels);
  return share(text, wrong ? labels.length - right : right, labels.length);
}
