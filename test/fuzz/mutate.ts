/** Changes to bytes, drawn from a stream of random numbers. */
import type { Random } from "../../src/random.ts";

/** Numbers at which readers go wrong: none, signs, limits of types, sizes that are far too large. */
const numbers: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 4n, 7n, 8n, 16n, 32n, 46n, 64n, 100n, 127n, 128n, 255n, 256n, 512n, 1000n],
  ...[1024n, 4096n, 16_383n, 20_000n, 32_767n, 32_768n, 65_535n, 65_536n, 1_000_000n, 2n ** 24n],
  ...[2n ** 30n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n],
  ...[2n ** 63n, 2n ** 64n - 1n],
];

/** Pieces of text that mean something in JSON, tables and headers. */
const words: readonly string[] = [
  ...['"', "'", "\\", "\\u0000", "{", "}", "[", "]", ":", ",", "\n", "\r\n", "\t", "\0", "\uFEFF"],
  ...[
    "null",
    "true",
    "-1",
    "0",
    "-0",
    "1e308",
    "1e999",
    "99999999999999999999",
    "0.5",
    "NaN",
    "{}",
  ],
  ...[
    "[]",
    '""',
    "__proto__",
    "constructor",
    "../",
    "/",
    "é",
    "\u{1F600}",
    "\uD800",
    " ",
    "x".repeat(300),
  ],
];

/** What the changes take pieces from, besides the bytes themselves. */
export interface Mutations {
  readonly random: Random;
  /** Others of the same kind. */
  readonly others: readonly Uint8Array[];
}

type Change = (bytes: Uint8Array, mutations: Mutations) => Uint8Array;

const inserted = (bytes: Uint8Array, at: number, more: Uint8Array): Uint8Array =>
  Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);

/** A place in the bytes, or behind them; beginnings, where headers are, come more often. */
function place(bytes: Uint8Array, random: Random): number {
  const near = random.int(3) === 0 ? Math.min(bytes.length, 64) : bytes.length;
  return random.int(near + 1);
}

/** A length: most are short. */
const span = (random: Random): number => 1 + random.int(2 ** (1 + random.int(10)));

const changes: readonly Change[] = [
  function flipBit(bytes, { random }) {
    const at = random.int(Math.max(1, bytes.length));
    return bytes.map((byte, i) => (i === at ? byte ^ (1 << random.int(8)) : byte));
  },
  function setByte(bytes, { random }) {
    const copy = new Uint8Array(bytes);
    if (copy.length > 0) copy[place(copy, random) % copy.length] = random.int(256);
    return copy;
  },
  function setNumber(bytes, { random }) {
    const copy = Buffer.from(bytes);
    const width = [1, 2, 4, 8][random.int(4)]!;
    if (copy.length < width) return copy;
    const digits = Buffer.alloc(8);
    digits.writeBigUInt64LE(numbers[random.int(numbers.length)]!);
    const value = digits.subarray(0, width);
    copy.set(
      random.int(2) === 0 ? value : value.reverse(),
      place(copy, random) % (copy.length - width + 1),
    );
    return copy;
  },
  function addToByte(bytes, { random }) {
    const copy = new Uint8Array(bytes);
    if (copy.length > 0) copy[place(copy, random) % copy.length]! += random.int(33) - 16;
    return copy;
  },
  function cut(bytes, { random }) {
    return bytes.subarray(0, place(bytes, random));
  },
  function takeOut(bytes, { random }) {
    const at = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + span(random))]);
  },
  function repeat(bytes, { random }) {
    const at = place(bytes, random);
    const piece = bytes.subarray(at, at + span(random));
    const times = 1 + random.int(2 ** random.int(8));
    return inserted(bytes, at, Buffer.concat(Array.from({ length: times }, () => piece)));
  },
  function fill(bytes, { random }) {
    const copy = new Uint8Array(bytes);
    const at = place(copy, random);
    return copy.fill([0, 255, random.int(256)][random.int(3)]!, at, at + span(random));
  },
  function insertNoise(bytes, { random }) {
    const noise = Uint8Array.from({ length: span(random) }, () => random.int(256));
    return inserted(bytes, place(bytes, random), noise);
  },
  function insertWord(bytes, { random }) {
    const word = words[random.int(words.length)]!;
    const times = random.int(16) === 0 ? 2 ** random.int(13) : 1;
    return inserted(bytes, place(bytes, random), Buffer.from(word.repeat(times)));
  },
  function otherDigits(bytes, { random }) {
    const text = Buffer.from(bytes).toString("latin1");
    const runs = [...text.matchAll(/-?\d+/g)];
    if (runs.length === 0) return bytes;
    const { index, 0: run } = runs[random.int(runs.length)]!;
    const sign = random.int(4) === 0 ? "-" : "";
    const digits = sign + String(numbers[random.int(numbers.length)]!);
    // Fields of fixed width keep it.
    const value =
      random.int(2) === 0 ? digits : digits.slice(-run.length).padStart(run.length, "0");
    return Buffer.from(text.slice(0, index) + value + text.slice(index + run.length), "latin1");
  },
  function move(bytes, { random }) {
    const copy = new Uint8Array(bytes);
    const [from, to] = [place(copy, random), place(copy, random)];
    return copy.copyWithin(to, from, from + span(random));
  },
  function splice(bytes, { random, others }) {
    const other = others[random.int(others.length)]!;
    const from = place(other, random);
    const piece = other.subarray(from, from + span(random));
    return inserted(bytes, place(bytes, random), piece);
  },
  function cross(bytes, { random, others }) {
    const other = others[random.int(others.length)]!;
    return Buffer.concat([
      bytes.subarray(0, place(bytes, random)),
      other.subarray(place(other, random)),
    ]);
  },
];

/** Longest input. */
const mostBytes = 2 ** 20;

/** Bytes with one change to eight; every other has one. */
export function mutated(seed: Uint8Array, mutations: Mutations): Uint8Array {
  const { random } = mutations;
  const count = random.int(2) === 0 ? 1 : 1 + random.int(8);
  let bytes = seed;
  for (let i = 0; i < count; i++) {
    bytes = changes[random.int(changes.length)]!(bytes, mutations);
  }
  return new Uint8Array(bytes.subarray(0, mostBytes));
}
