/**
 * The layouts of PyTorch's tensors, and back.
 *
 * Rewind keeps convolutions as [KH, KW, in, out] and dense layers as [in, out]; PyTorch as [out, in, KH, KW]
 * and [out, in].
 */
import { count, type Shape } from "../shape.ts";
import type { ParameterSpec } from "../weights/arena.ts";
import type { Tensor } from "./safetensors.ts";

/** Order of PyTorch's axes, as axes of ours: `torch[i] = ours[axes[i]]`. Absent: the same. */
function torchAxes({ kind, shape }: ParameterSpec): readonly number[] | undefined {
  if (kind === "conv" && shape.length === 4) return [3, 2, 0, 1];
  if (kind === "depthwise") return [2, 0, 1];
  if (kind === "fc") return [1, 0];
  return undefined;
}

/** A tensor with its axes in another order. */
function transpose({ shape, data }: Tensor, axes: readonly number[]): Tensor {
  const strides = shape.map((_, axis) => count(shape.slice(axis + 1)));
  const result = axes.map((axis) => shape[axis]!);
  const out = new Float32Array(data.length);
  for (let i = 0; i < out.length; i++) {
    let [rest, from] = [i, 0];
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      from += (rest % result[axis]!) * strides[axes[axis]!]!;
      rest = Math.floor(rest / result[axis]!);
    }
    out[i] = data[from]!;
  }
  return { shape: result, data: out };
}

/** Axes of size 1 that say nothing: of a depthwise kernel, a 1×1 convolution that is a dense layer, a scale. */
function squeezed({ shape, data }: Tensor, rank: number): Tensor {
  let reduced = shape;
  while (reduced.length > rank) {
    const axis = reduced.lastIndexOf(1);
    if (axis < 0) break;
    reduced = reduced.toSpliced(axis, 1);
  }
  return { shape: reduced, data };
}

/** A tensor of PyTorch in our layout; as it is where its rank fits none of ours. */
export function fromTorch(slot: ParameterSpec, tensor: Tensor): Tensor {
  const flat = squeezed(tensor, slot.shape.length);
  const axes = torchAxes(slot);
  if (axes === undefined || flat.shape.length !== axes.length) return flat;
  return transpose(
    flat,
    axes.map((_, axis) => axes.indexOf(axis)),
  );
}

/**
 * The shape of a tensor of ours in PyTorch's layout.
 *
 * @param unitAxes whether it ends in two axes of size 1 besides, as that of a 1×1 convolution does.
 */
export function torchShape(slot: ParameterSpec, unitAxes: boolean): Shape {
  const shape = torchAxes(slot)?.map((axis) => slot.shape[axis]!) ?? slot.shape;
  if (slot.kind === "depthwise") return [shape[0]!, 1, ...shape.slice(1)];
  return unitAxes ? [...shape, 1, 1] : shape;
}

/** A tensor of ours in PyTorch's layout; `unitAxes` as for {@link torchShape}. */
export function toTorch(slot: ParameterSpec, tensor: Tensor, unitAxes: boolean): Tensor {
  const axes = torchAxes(slot);
  const { data } = axes === undefined ? tensor : transpose(tensor, axes);
  return { shape: torchShape(slot, unitAxes), data };
}

/** The first or second half of a tensor along its first axis. */
export function halfOf({ shape, data }: Tensor, half: 0 | 1): Tensor {
  const rows = shape[0]! / 2;
  const size = data.length / 2;
  return {
    shape: [rows, ...shape.slice(1)],
    data: data.slice(half * size, (half + 1) * size),
  };
}

/** Two halves as one tensor, whichever comes first. */
export function joinHalf(before: Tensor | undefined, part: Tensor, half: 0 | 1): Tensor {
  const data = before?.data ?? new Float32Array(2 * part.data.length);
  data.set(part.data, half * part.data.length);
  return { shape: [2 * part.shape[0]!, ...part.shape.slice(1)], data };
}
