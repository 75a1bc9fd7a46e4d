/** What kind of image a file is, told by its first bytes and never by its suffix. */

import { latin1 } from "./image-bytes.ts";

/** A kind of image file. */
export interface ImageKind {
  /** As a sentence says it: "PNG". */
  readonly name: string;
  /** Whether it is read here. */
  readonly read: boolean;
}

/** Bytes that tell the kind of a file. */
export const headLength = 64;

/** Bytes at a place; a `?` stands for any byte. */
type Signature = readonly [at: number, bytes: string];

const kinds: readonly (ImageKind & { readonly signatures: readonly Signature[] })[] = [
  { name: "JPEG", read: true, signatures: [[0, "\xff\xd8\xff"]] },
  { name: "PNG", read: true, signatures: [[0, "\x89PNG"]] },
  { name: "WebP", read: true, signatures: [[0, "RIFF????WEBP"]] },
  { name: "GIF", read: false, signatures: [[0, "GIF8"]] },
  { name: "BMP", read: false, signatures: [[0, "BM????\0\0\0\0"]] },
  {
    name: "TIFF",
    read: false,
    signatures: ["II*\0", "MM\0*", "II+\0", "MM\0+"].map((bytes) => [0, bytes] as const),
  },
  { name: "AVIF", read: false, signatures: brands("avif", "avis") },
  { name: "HEIC", read: false, signatures: brands("heic", "heix", "hevc", "hevx", "mif1", "msf1") },
  {
    name: "JPEG 2000",
    read: false,
    signatures: [
      [0, "\0\0\0\x0cjP  "],
      [0, "\xffO\xffQ"],
    ],
  },
  {
    name: "JPEG XL",
    read: false,
    signatures: [
      [0, "\0\0\0\x0cJXL "],
      [0, "\xff\x0a"],
    ],
  },
];

function brands(...names: readonly string[]): Signature[] {
  return names.map((name) => [4, `ftyp${name}`] as const);
}

/** The kind of image that begins with these bytes; undefined if it is none that is known. */
export function imageKind(head: Uint8Array): ImageKind | undefined {
  return kinds.find(({ signatures }) => signatures.some((signature) => begins(head, signature)));
}

function begins(head: Uint8Array, [at, bytes]: Signature): boolean {
  if (head.length < at + bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== "?" && head[at + i] !== bytes.charCodeAt(i)) return false;
  }
  return true;
}

/** What a file that is no image really is, where that tells what to do about it. */
export function impostor(head: Uint8Array): string | undefined {
  if (head.length === 0) return "an empty file; fetch or copy it again";
  const text = latin1(head, 0, headLength).trimStart();
  if (text.startsWith("version https://git-lfs")) {
    return "a Git LFS pointer, not the image itself; run `git lfs pull`";
  }
  if (/^<(!doctype html|html)/i.test(text)) return "a web page, not an image; fetch it again";
  return undefined;
}
