/** Weights of a window's steps, a row of them for each kind of tensor: what a filter or a mix has learnt. */
import { DataError, ShapeError } from "../../errors.ts";
import type { ParameterKind, Slot } from "../../weights/arena.ts";
import type { Tensors } from "../../nn/model.ts";
import { type Weighting, weightings } from "../predictor.ts";

/** Kinds of tensor, a row each; the last dense layer is the one that gives the logits. */
export const rowNames = ["conv", "depthwise", "dense", "last-dense", "bias"] as const;

/** A kind of tensor. */
export type RowName = (typeof rowNames)[number];

/** Snapshots K where nothing else is said. */
export const usualWindow = 15;

/** What a mix reads beside the steps, in the order of its last columns. */
export const gradientInputs = ["own label", "runner-up"] as const;

/** Learnt weights; see {@link weightedSteps}. */
export interface StepWeights {
  /** Snapshots K. */
  readonly window: number;
  /** Whether the last two of a row are for the gradients on D_f ({@link gradientInputs}). */
  readonly gradients: boolean;
  /** How images count in the runner-up's; absent: alike. */
  readonly weighting?: Weighting | undefined;
  /** [rows, inputs], row-major: rows as {@link rowNames}; inputs are the K - 1 steps, oldest first, and the gradients. */
  readonly values: Float32Array;
}

/** Numbers of a row. */
export function inputsOf({ window, gradients }: Pick<StepWeights, "window" | "gradients">): number {
  return window - 1 + (gradients ? gradientInputs.length : 0);
}

const rowOfKind: Readonly<Record<ParameterKind, RowName>> = {
  conv: "conv",
  depthwise: "depthwise",
  fc: "dense",
  bias: "bias",
  norm: "bias",
};

/** The kind of each tensor of a network, in its order: of the dense ones the last is `last-dense`. */
export function rowsOf(slots: readonly Pick<Slot, "name" | "kind">[]): RowName[] {
  const last = slots.findLast(({ kind }) => kind === "fc");
  return slots.map(({ name, kind }) => (name === last?.name ? "last-dense" : rowOfKind[kind]));
}

/** Every row the same weights of the steps, oldest first; none for gradients. */
export function evenWeights(steps: readonly number[]): StepWeights {
  const values = Float32Array.from(rowNames.flatMap(() => steps));
  return { window: steps.length + 1, gradients: false, values };
}

/** How a file's metadata say that images count; nothing said: alike. @throws DataError for another word. */
export function statedWeighting(
  { weighting = "even" }: Readonly<Record<string, string>>,
  source: string,
): Weighting {
  const known = weightings.find((one) => one === weighting);
  if (known !== undefined) return known;
  throw new DataError(
    `predictor "${source}": its images count by "${weighting}"; ${weightings.join(" or ")} is needed.`,
  );
}

/**
 * Weights from the tensor `weights` of a file, [5, K - 1] or, with `gradients`, [5, K + 1].
 *
 * @param source what errors call the file.
 * @throws ShapeError if it is missing or has another shape; DataError for rows in another order.
 */
export function stepWeights(
  tensors: Tensors,
  gradients: boolean,
  source: string,
  rows: string | undefined = rowNames.join(),
): StepWeights {
  if (rows !== rowNames.join()) {
    throw new DataError(
      `predictor "${source}": its rows are ${rows}; ${rowNames.join()} are needed.`,
    );
  }
  const tensor = tensors.get("weights");
  const [count, inputs = 0] = tensor?.shape ?? [];
  const window = inputs + 1 - (gradients ? gradientInputs.length : 0);
  if (tensor?.shape.length !== 2 || count !== rowNames.length || window < 2) {
    const found = tensor === undefined ? "is missing" : `has shape [${tensor.shape.join(", ")}]`;
    throw new ShapeError(
      `predictor "${source}": tensor "weights" ${found}; [${rowNames.length}, steps` +
        `${gradients ? " + 2" : ""}] is needed, a row for each of ${rowNames.join(", ")}.`,
    );
  }
  return { window, gradients, values: tensor.data };
}
