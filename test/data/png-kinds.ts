/** PNG files of every colour type and depth, 8×8 and even, and what every pixel of them is. */
import { zlibSync } from "fflate";

/** A chunk: length, name, content, CRC-32. */
export function chunk(name: string, content: readonly number[] | Uint8Array): Uint8Array {
  const inner = Uint8Array.from([...Buffer.from(name, "latin1"), ...content]);
  let crc = 0xffffffff;
  for (const byte of inner) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  }
  const file = Buffer.alloc(inner.length + 8);
  file.writeUInt32BE(content.length, 0);
  file.set(inner, 4);
  file.writeUInt32BE(~crc >>> 0, inner.length + 4);
  return file;
}

export const signature = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);

/** The header of an 8×8 image. */
export const head = (depth: number, colour: number, interlace = 0, width = 8): Uint8Array =>
  chunk("IHDR", [0, 0, width >> 8, width & 255, 0, 0, 0, 8, depth, colour, 0, 0, interlace]);

/** Sizes of the passes of an interlaced 8×8 image: columns, rows. */
const passes = [
  [1, 1],
  [1, 1],
  [2, 1],
  [2, 2],
  [4, 2],
  [4, 4],
  [8, 4],
] as const;

/** A whole file; `row`: the bytes of each row. */
function file(
  depth: number,
  colour: number,
  row: readonly number[],
  { extra = [], interlace = 0 }: { extra?: readonly Uint8Array[]; interlace?: number } = {},
): Uint8Array {
  const rows = interlace === 0 ? [[8, 8] as const] : passes;
  const raw = rows.flatMap(([columns, count]) =>
    Array.from({ length: count }, () => [0, ...row.slice(0, (row.length * columns) / 8)]).flat(),
  );
  const parts = [
    signature,
    head(depth, colour, interlace),
    ...extra,
    chunk("IDAT", zlibSync(Uint8Array.from(raw))),
    chunk("IEND", []),
  ];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const times8 = (...values: readonly number[]): number[] =>
  Array.from({ length: 8 }, () => values).flat();
const wide = (...values: readonly number[]): number[] => values.flatMap((v) => [v, v]);
const palette = chunk("PLTE", [0, 0, 0, 200, 100, 50, 10, 20, 30, 1, 2, 3]);
const orange = [200, 100, 50];
const grey = [100, 100, 100];

/** A file, its pixels, and whether some of them are transparent. */
type Kind = readonly [bytes: Uint8Array, rgb: readonly number[], transparent?: true];

/** By name; 16 bits become the upper 8. */
export const pngKinds: { readonly [name: string]: Kind } = {
  grey8: [file(8, 0, times8(100)), grey],
  grey16: [file(16, 0, times8(...wide(100))), grey],
  "dark grey16": [file(16, 0, times8(3, 232)), [3, 3, 3]],
  grey1: [file(1, 0, [255]), [255, 255, 255]],
  grey2: [file(2, 0, [0xaa, 0xaa]), [170, 170, 170]],
  grey4: [file(4, 0, [0x77, 0x77, 0x77, 0x77]), [119, 119, 119]],
  "grey and alpha": [file(8, 4, times8(100, 255)), grey],
  "grey, half clear": [file(8, 4, times8(100, 128)), grey, true],
  "grey16 and alpha": [file(16, 4, times8(...wide(100, 255))), grey],
  rgb8: [file(8, 2, times8(...orange)), orange],
  "rgb8, one colour clear": [
    file(8, 2, times8(...orange), { extra: [chunk("tRNS", [0, 200, 0, 100, 0, 50])] }),
    orange,
    true,
  ],
  "rgb8, gamma": [
    file(8, 2, times8(...orange), { extra: [chunk("gAMA", [0, 1, 0x86, 0xa0])] }),
    orange,
  ],
  rgb16: [file(16, 2, times8(...wide(...orange))), orange],
  "rgba8, clear": [file(8, 6, times8(...orange, 0)), orange, true],
  rgba16: [file(16, 6, times8(...wide(...orange, 255))), orange],
  palette8: [file(8, 3, times8(1), { extra: [palette] }), orange],
  palette2: [file(2, 3, [0x55, 0x55], { extra: [palette] }), orange],
  "palette, clear": [
    file(8, 3, times8(1), { extra: [palette, chunk("tRNS", [0, 0])] }),
    orange,
    true,
  ],
  "rgb8, interlaced": [file(8, 2, times8(...orange), { interlace: 1 }), orange],
  "grey16, interlaced": [file(16, 0, times8(...wide(100)), { interlace: 1 }), grey],
};
