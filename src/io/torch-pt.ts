/**
 * PyTorch checkpoints (`torch.save`): tensors only, in the zip format and in the one before version 1.6.
 *
 * The pickle inside is data, not a program: it may name what tensors and plain values need, and all else is
 * refused by name before anything is made of it.
 */
import { strFromU8 } from "fflate";
import { DataError, UsageError } from "../errors.ts";
import { archiveEntries, unpack } from "./archive.ts";
import { NumpyArray } from "./numpy-pickle.ts";
import type { Tensor, TensorFile } from "./safetensors.ts";
import { findStateDict, type Sought } from "./state-dict.ts";
import { withoutPrefixes } from "./state-names.ts";
import { torchOutside } from "./torch-globals.ts";
import { readLegacy } from "./torch-legacy.ts";
import { gatherViews, type Storages, View } from "./torch-view.ts";
import { unpickle } from "./unpickle.ts";

/** How often the file's bytes its NumPy arrays may take, and how many bytes they may take anyway. */
const largestRatio = 16;
const smallArrays = 2 ** 22;

/** Largest pickle that is read: the numbers lie outside it. */
const largestPickle = 2 ** 28;

/**
 * Reads the tensors of a state dict, or of a dictionary that holds one as `state_dict`, `model`, `net` or
 * under another of the usual keys. All numbers become float32.
 *
 * @param name what errors call the file.
 * @param sought `key`: where the tensors lie, if not under the usual keys; `names`: what they are called.
 * @returns tensors without the prefixes of wrappers, and what was done to find them.
 * @throws DataError for a damaged file, or a pickle that names anything but tensors and plain values;
 *   UsageError for a `key` that holds none.
 */
export function readTorch(
  bytes: Uint8Array,
  name = "file",
  sought: Sought = {},
): TensorFile & { notes: string[] } {
  try {
    const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
    const { top, storages } = isZip ? readArchive(bytes, name) : readLegacy(bytes);
    const isTensor = (value: unknown): value is View | NumpyArray =>
      value instanceof View || value instanceof NumpyArray;
    const { tensors: found, notes } = withoutPrefixes(
      findStateDict(top, isTensor, sought),
      sought.names,
    );
    const views = new Map(
      [...found].filter((one): one is [string, View] => one[1] instanceof View),
    );
    requireStored([...found.values()], bytes.length);
    const gathered = gatherViews(views, storages(views), bytes.length);
    const tensors = new Map<string, Tensor>(
      [...found].map(([tensor, value]) => [
        tensor,
        value instanceof NumpyArray ? value.tensor(tensor) : gathered.get(tensor)!,
      ]),
    );
    return { tensors, metadata: {}, notes };
  } catch (cause) {
    if (cause instanceof UsageError) throw new UsageError(`"${name}": ${cause.message}`);
    if (!(cause instanceof DataError) || cause.message.startsWith(`"${name}"`)) throw cause;
    throw new DataError(`"${name}", a PyTorch checkpoint, cannot be read: ${cause.message}`);
  }
}

/** @throws DataError for NumPy arrays of many names, each of which would be a copy. */
function requireStored(tensors: readonly (View | NumpyArray)[], fileBytes: number): void {
  const made = tensors.reduce((sum, one) => sum + (one instanceof NumpyArray ? one.bytes : 0), 0);
  if (made <= Math.max(smallArrays, largestRatio * fileBytes)) return;
  throw new DataError(
    `its NumPy arrays make ${made} bytes of the ${fileBytes} that it has; it was not read. Save each array once.`,
  );
}

/** The object of a zip archive, and its storages, which are unpacked for the views that need them. */
function readArchive(
  bytes: Uint8Array,
  name: string,
): { top: unknown; storages: (views: ReadonlyMap<string, View>) => Storages } {
  const entries = archiveEntries(bytes, name);
  const pickle = entries.find((entry) => /(^|\/)data\.pkl$/.test(entry.name));
  if (pickle === undefined) throw new DataError("it has no data.pkl.");
  if (pickle.size > largestPickle) {
    throw new DataError(`its data.pkl takes ${pickle.size} bytes, more than ${largestPickle}.`);
  }
  const root = pickle.name.slice(0, -"data.pkl".length);
  const order = entries.filter((entry) => entry.name === `${root}byteorder`);
  const files = unpack(bytes, name, [pickle, ...order]);
  if (order.length > 0 && strFromU8(files.get(order[0]!.name)!).trim() !== "little") {
    throw new DataError("its numbers are big-endian.");
  }
  const { value } = unpickle(files.get(pickle.name)!, torchOutside);
  return {
    top: value,
    storages(views) {
      const keys = new Set([...views.values()].map((view) => `${root}data/${view.storage.key}`));
      const raw = unpack(
        bytes,
        name,
        entries.filter((entry) => keys.has(entry.name)),
      );
      return (key) => raw.get(`${root}data/${key}`);
    },
  };
}
