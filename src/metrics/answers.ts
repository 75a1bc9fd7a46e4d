/** What a classifier answers to images, from its logits. */

/** The class that an image is taken for, by its number, and its probability, 0 to 1. */
export interface Answer {
  readonly class: number;
  readonly confidence: number;
}

/** The likeliest class of each row of logits [images, classes]; in float64. */
export function answersOf(logits: ArrayLike<number>, classes: number): Answer[] {
  return Array.from({ length: logits.length / classes }, (_, i) => {
    const first = i * classes;
    let best = first;
    for (let at = first + 1; at < first + classes; at++) if (logits[at]! > logits[best]!) best = at;
    let sum = 0;
    for (let at = first; at < first + classes; at++) sum += Math.exp(logits[at]! - logits[best]!);
    return { class: best - first, confidence: 1 / sum };
  });
}
