/**
 * PyTorch's files before version 1.6: pickles one after another (a number that tells the format, its version,
 * facts of the machine, the object, the keys of its storages), then each storage behind its count.
 */
import { DataError } from "../errors.ts";
import { formatBytes, type NumberFormat } from "./number-formats.ts";
import { torchOutside } from "./torch-globals.ts";
import { Storage, type Storages } from "./torch-view.ts";
import { shown, unpickle } from "./unpickle.ts";

/** The object of a file, and its storages. @throws DataError */
export function readLegacy(bytes: Uint8Array): { top: unknown; storages: () => Storages } {
  let at = 0;
  const formats = new Map<string, NumberFormat>();
  const next = (): unknown => {
    const { value, end } = unpickle(
      bytes,
      {
        find: torchOutside.find,
        persistent(id) {
          const storage = torchOutside.persistent(id);
          if (storage instanceof Storage) formats.set(storage.key, storage.format);
          return storage;
        },
      },
      at,
    );
    at = end;
    return value;
  };
  // The number that tells the format.
  next();
  const version = next();
  if (version !== 1001) {
    throw new DataError(`it has version ${shown(version)} of the format, 1001 is known.`);
  }
  const machine = next();
  if (machine instanceof Map && machine.get("little_endian") === false) {
    throw new DataError("its numbers are big-endian.");
  }
  const top = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new DataError("it has no list of its storages.");
  const storages = new Map<string, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const key of keys as unknown[]) {
    const format = typeof key === "string" ? formats.get(key) : undefined;
    if (format === undefined) throw new DataError("it lists a storage that no tensor has.");
    const left = bytes.length - at - 8;
    const count = left < 0 ? 0 : Number(view.getBigUint64(at, true));
    if (left < 0 || count * formatBytes[format] > left) {
      throw new DataError(
        `it is cut short: ${Math.max(0, left)} of ${count * formatBytes[format]} bytes of storage ` +
          `${String(key)} are there; copy it again.`,
      );
    }
    at += 8;
    storages.set(key as string, bytes.subarray(at, at + count * formatBytes[format]));
    at += count * formatBytes[format];
  }
  return { top, storages: () => (key) => storages.get(key) };
}
