/** What a file is, told by its content; its name only stands in messages. */
import { strFromU8 } from "fflate";
import { DataError } from "../errors.ts";
import { archiveEntries } from "./archive.ts";
import { foreignText, whatToGive as what } from "./foreign-text.ts";
import { startsAsHdf5 } from "./hdf5.ts";

/** Files of tensors that can be read. */
export type TensorFileKind = "safetensors" | "torch" | "torch-legacy" | "keras" | "keras-archive";

/** First bytes of files that are none of tensors, with what they are and what to do. */
const foreign: readonly (readonly [readonly number[], string])[] = [
  [[0x1f, 0x8b], "a gzip file; unpack it (`gunzip`) and give what is in it"],
  [[0x28, 0xb5, 0x2f, 0xfd], "a Zstandard file; unpack it (`unzstd`) and give what is in it"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], "an xz file; unpack it (`unxz`) and give what is in it"],
  [[0x42, 0x5a, 0x68], "a bzip2 file; unpack it (`bunzip2`) and give what is in it"],
  [[0x37, 0x7a, 0xbc, 0xaf], "a 7z archive; unpack it and give the checkpoint in it"],
  [[0x52, 0x61, 0x72, 0x21], "a RAR archive; unpack it and give the checkpoint in it"],
  [[0x47, 0x47, 0x55, 0x46], "a GGUF file, whose numbers are quantised; give the original weights"],
  [[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], "a NumPy array (.npy) without a name; give a checkpoint"],
  [[0x25, 0x50, 0x44, 0x46], "a PDF document; give a checkpoint"],
  [[0x89, 0x50, 0x4e, 0x47], "a PNG image; give a checkpoint"],
  [[0xff, 0xd8, 0xff], "a JPEG image; give a checkpoint"],
];

/** The number every file of PyTorch before 1.6 begins with: opcode, length, 0x1950a86a20f9469cfc6c. */
const torchMagic = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/**
 * The kind of a file of tensors.
 *
 * @param name what errors call the file.
 * @throws DataError for any other file: what it is, and what to do.
 */
export function tensorFileKind(bytes: Uint8Array, name: string): TensorFileKind {
  const refuse = (is: string): never => {
    throw new DataError(`"${name}" is ${is}.`);
  };
  const starts = (with_: readonly number[]): boolean => with_.every((byte, i) => bytes[i] === byte);
  if (bytes.length === 0) return refuse("empty (0 bytes): it was cut short; copy it again");
  if (startsAsHdf5(bytes)) return "keras";
  // Before what begins with a byte or two of its own: the length of a header may be any number.
  if (bytes.length > 8 && looksLikeSafetensors(bytes)) return "safetensors";
  if (starts([0x50, 0x4b])) return archiveKind(bytes, name, refuse);
  if (bytes[0] === 0x80 && bytes[1]! >= 1 && bytes[1]! <= 5) {
    return pickleKind(bytes, refuse);
  }
  const known = foreign.find(([first]) => starts(first));
  if (known !== undefined) return refuse(known[1]);
  if (strFromU8(bytes.subarray(257, 262), true) === "ustar") return tarKind(bytes, refuse);
  const text = foreignText(bytes);
  if (text !== undefined) return refuse(text);
  if (looksLikeSafetensors(bytes)) return "safetensors";
  const first = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0"));
  return refuse(`no checkpoint that can be read (its first bytes are ${first.join(" ")}); ${what}`);
}

/** A header length that a file could have, then the header's brace; both may be cut off. */
function looksLikeSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length <= 8) return bytes.length === 8 && bytes[5] === 0 && bytes[7] === 0;
  return bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0;
}

function archiveKind(
  bytes: Uint8Array,
  name: string,
  refuse: (is: string) => never,
): TensorFileKind {
  const names = archiveEntries(bytes, name).map((entry) => entry.name);
  const has = (pattern: RegExp): boolean => names.some((entry) => pattern.test(entry));
  if (has(/(^|\/)data\.pkl$/)) {
    if (has(/(^|\/)constants\.pkl$/) && has(/(^|\/)code\//)) {
      return refuse(
        "a TorchScript program, which is not run here; save its weights alone " +
          "(torch.save(torch.jit.load(...).state_dict(), ...))",
      );
    }
    return "torch";
  }
  if (has(/^model\.weights\.h5$/)) return "keras-archive";
  if (names.length > 0 && names.every((entry) => entry.endsWith(".npy"))) {
    return refuse(`a NumPy archive (.npz), no checkpoint; ${what}`);
  }
  if (has(/saved_model\.pb$/)) {
    return refuse("a TensorFlow SavedModel; save its weights by Keras (model.save_weights)");
  }
  const some = names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "");
  return refuse(
    `a zip archive without a data.pkl (${names.length === 0 ? "it is empty" : `it holds ${some}`}); ` +
      "unpack it and give the checkpoint in it",
  );
}

function pickleKind(bytes: Uint8Array, refuse: (is: string) => never): TensorFileKind {
  // Protocol 4 puts the length of a frame before the number.
  const at = bytes[2] === 0x95 ? 11 : 2;
  const found = bytes.subarray(at, at + torchMagic.length);
  if (found.every((byte, i) => byte === torchMagic[i])) {
    if (found.length === torchMagic.length) return "torch-legacy";
    return refuse(`cut short: ${bytes.length} bytes are the start of a pickle; copy it again`);
  }
  return refuse(
    "a Python pickle, but none of torch.save; load it where it comes from and save the weights " +
      "alone (torch.save(model.state_dict(), ...))",
  );
}

function tarKind(bytes: Uint8Array, refuse: (is: string) => never): never {
  const first = strFromU8(bytes.subarray(0, 100), true).replace(/\0.*$/s, "");
  return refuse(
    /^(\.\/)?(sys_info|pickle|storages|tensors)$/.test(first)
      ? "a checkpoint of PyTorch before 0.1.10 (a tar archive); load it and save it again by a newer one"
      : "a tar archive; unpack it and give the checkpoint in it",
  );
}
