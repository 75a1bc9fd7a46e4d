/**
 * Reads Python's pickles as data. Nothing is run: what a pickle names is one of the {@link Global}s that the
 * caller knows, and what it builds are maps, sets, arrays, numbers, text and bytes.
 */
import { DataError } from "../errors.ts";

/** A class or function that a pickle may name. */
export class Global {
  readonly name: string;
  /** What calling it gives; absent for one that is only named. `spend` counts what is copied. */
  readonly call: ((args: readonly unknown[], spend: Spend) => unknown) | undefined;

  constructor(name: string, call?: Global["call"]) {
    this.name = name;
    this.call = call;
    Object.freeze(this);
  }
}

/** Counts items that are copied. @throws DataError if a pickle makes more of itself than it holds. */
export type Spend = (items: number) => void;

/** What is told its state after it has been made. */
export abstract class Stateful {
  /** Takes a state, once. @throws DataError for one it cannot have. */
  abstract setState(state: unknown): void;
}

/** Something harmless that no tensor needs: it is named and kept. */
export class Inert extends Stateful {
  readonly name: string;
  readonly args: readonly unknown[];

  constructor(name: string, args: readonly unknown[]) {
    super();
    this.name = name;
    this.args = args;
    Object.freeze(this);
  }
  setState(): void {
    // Nothing asks for it.
  }
}

/** What a pickle refers to outside itself. */
export interface Outside {
  /** A class or function by its full name. @throws DataError for one that is not known. */
  find(name: string): Global;
  /** Something stored beside the pickle, by its id. */
  persistent(id: unknown): unknown;
}

/** Most values a pickle may make: a checkpoint of 10,000 tensors makes 300,000. An empty dictionary takes 200 bytes. */
const mostValues = 2_000_000;
/** Deepest nesting of values that are being made. */
const deepest = 1000;

const utf8 = new TextDecoder();
const damaged = (what: string): DataError => new DataError(`its pickle is damaged: ${what}.`);

/**
 * The value of the pickle that starts at `at`, and where it ends.
 *
 * Dictionaries become Maps, lists arrays, tuples frozen arrays, integers of more than 53 bits bigints.
 *
 * @throws DataError for a damaged pickle, one that names what `outside` does not know, or one that makes
 *   far more of itself than it holds.
 */
export function unpickle(
  bytes: Uint8Array,
  outside: Outside,
  at = 0,
): { value: unknown; end: number } {
  const machine = new Machine(bytes, outside, at);
  const value = machine.run();
  return { value, end: machine.at };
}

type Step = (machine: Machine) => void;

/** The stack machine that pickles are programs of. */
class Machine {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly outside: Outside;
  #stack: unknown[] = [];
  readonly #marks: unknown[][] = [];
  readonly #memo = new Map<number, unknown>();
  #values = 0;
  #copied = 0;

  constructor(bytes: Uint8Array, outside: Outside, at: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.outside = outside;
    this.at = at;
  }

  run(): unknown {
    for (;;) {
      const opcode = this.byte();
      if (opcode === 0x2e) return this.pop();
      const step = steps[opcode];
      if (step === undefined) {
        throw damaged(`opcode ${opcode} at byte ${this.at - 1} is none of torch.save`);
      }
      step(this);
    }
  }

  /** Moves on; gives where it was. */
  skip(count: number): number {
    const from = this.at;
    if (count > this.#bytes.length - from) throw damaged("it is cut short");
    this.at = from + count;
    return from;
  }

  byte(): number {
    return this.#view.getUint8(this.skip(1));
  }
  uint16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }
  int32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }
  uint32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }
  uint64(): number {
    return Number(this.#view.getBigUint64(this.skip(8), true));
  }
  float64(): number {
    return this.#view.getFloat64(this.skip(8));
  }
  /** A copy of bytes, as a later step may not change the file. */
  bytes(count: number): Uint8Array {
    const from = this.skip(count);
    return this.#bytes.slice(from, from + count);
  }
  text(count: number): string {
    const from = this.skip(count);
    return utf8.decode(this.#bytes.subarray(from, from + count));
  }
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.at);
    if (end < 0) throw damaged("it is cut short");
    const text = this.text(end - this.at);
    this.at = end + 1;
    return text;
  }
  /** A signed integer of any length, least significant byte first. */
  integer(count: number): number | bigint {
    if (count > 1024) throw damaged(`an integer has ${count} bytes`);
    const digits = this.bytes(count);
    let value = 0n;
    for (const [i, digit] of digits.entries()) value |= BigInt(digit) << BigInt(8 * i);
    value = BigInt.asIntN(8 * count, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  push(value: unknown): void {
    if (++this.#values > mostValues) {
      throw new DataError(`its pickle makes more than ${mostValues} values; it was not read.`);
    }
    this.#stack.push(value);
  }
  pop(): unknown {
    if (this.#stack.length === 0) throw damaged("it takes a value where there is none");
    return this.#stack.pop();
  }
  top(): unknown {
    if (this.#stack.length === 0) throw damaged("it takes a value where there is none");
    return this.#stack.at(-1);
  }

  mark(): void {
    if (this.#marks.length >= deepest) {
      throw new DataError(`its pickle is nested deeper than ${deepest}; it was not read.`);
    }
    this.#marks.push(this.#stack);
    this.#stack = [];
  }
  /** All values since the last mark. */
  popMark(): unknown[] {
    const items = this.#stack;
    const below = this.#marks.pop();
    if (below === undefined) throw damaged("it ends a group that was not begun");
    this.#stack = below;
    return items;
  }

  memoize(index = this.#memo.size): void {
    this.#memo.set(index, this.top());
  }
  recall(index: number): void {
    if (!this.#memo.has(index)) throw damaged(`it recalls value ${index}, which it never kept`);
    this.push(this.#memo.get(index));
  }

  /** Calls what is below the arguments on the stack. */
  call(args: unknown): void {
    const callee = this.pop();
    if (!(callee instanceof Global) || !Array.isArray(args)) throw damaged("it calls no function");
    if (callee.call === undefined) throw new DataError(`it calls ${callee.name}; it was not run.`);
    this.push(callee.call(args as unknown[], this.#spend));
  }

  readonly #spend: Spend = (items) => {
    this.#copied += items;
    if (this.#copied > this.#bytes.length) {
      throw new DataError("its pickle copies more values than it holds; it was not read.");
    }
  };

  append(items: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list) || Object.isFrozen(list)) throw damaged("it appends to no list");
    for (const item of items) list.push(item);
  }
  setItems(items: readonly unknown[]): void {
    const map = this.top();
    if (!(map instanceof Map)) throw damaged("it sets items of no dictionary");
    if (items.length % 2 !== 0) throw damaged("a dictionary has a key without a value");
    for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1]);
  }
  addItems(items: readonly unknown[]): void {
    const set = this.top();
    if (!(set instanceof Set)) throw damaged("it adds to no set");
    for (const item of items) set.add(item);
  }
  setState(state: unknown): void {
    const object = this.top();
    if (object instanceof Stateful) object.setState(state);
    // An OrderedDict's attributes, such as the versions of modules, are no tensors.
    else if (!(object instanceof Map)) throw damaged("it gives a state to what has none");
  }
}

/** What each opcode does. Those of protocols 0 and 1, which torch.save does not write, are left out. */
const steps: readonly (Step | undefined)[] = table({
  // PROTO, FRAME
  0x80: (m) => {
    const protocol = m.byte();
    if (protocol > 5) throw damaged(`protocol ${protocol} is not known`);
  },
  0x95: (m) => void m.skip(8),
  // None, True, False
  0x4e: (m) => m.push(null),
  0x88: (m) => m.push(true),
  0x89: (m) => m.push(false),
  // Integers, floats
  0x4a: (m) => m.push(m.int32()),
  0x4b: (m) => m.push(m.byte()),
  0x4d: (m) => m.push(m.uint16()),
  0x8a: (m) => m.push(m.integer(m.byte())),
  0x8b: (m) => m.push(m.integer(m.uint32())),
  0x47: (m) => m.push(m.float64()),
  // Text; the first two are strings of Python 2.
  0x54: (m) => m.push(m.text(m.uint32())),
  0x55: (m) => m.push(m.text(m.byte())),
  0x58: (m) => m.push(m.text(m.uint32())),
  0x8c: (m) => m.push(m.text(m.byte())),
  0x8d: (m) => m.push(m.text(m.uint64())),
  // Bytes
  0x42: (m) => m.push(m.bytes(m.uint32())),
  0x43: (m) => m.push(m.bytes(m.byte())),
  0x8e: (m) => m.push(m.bytes(m.uint64())),
  0x96: (m) => m.push(m.bytes(m.uint64())),
  // Tuples
  0x29: (m) => m.push(tuple([])),
  0x85: (m) => m.push(tuple([m.pop()])),
  0x86: (m) => m.push(tuple([m.pop(), m.pop()].reverse())),
  0x87: (m) => m.push(tuple([m.pop(), m.pop(), m.pop()].reverse())),
  0x74: (m) => m.push(tuple(m.popMark())),
  // Lists, dictionaries, sets
  0x5d: (m) => m.push([]),
  0x61: (m) => m.append([m.pop()]),
  0x65: (m) => m.append(m.popMark()),
  0x7d: (m) => m.push(new Map()),
  0x73: (m) => m.setItems([m.pop(), m.pop()].reverse()),
  0x75: (m) => m.setItems(m.popMark()),
  0x8f: (m) => m.push(new Set()),
  0x90: (m) => m.addItems(m.popMark()),
  0x91: (m) => m.push(new Set(m.popMark())),
  // The stack and the memo
  0x28: (m) => m.mark(),
  0x30: (m) => void m.pop(),
  0x31: (m) => void m.popMark(),
  0x32: (m) => m.push(m.top()),
  0x71: (m) => m.memoize(m.byte()),
  0x72: (m) => m.memoize(m.uint32()),
  0x94: (m) => m.memoize(),
  0x68: (m) => m.recall(m.byte()),
  0x6a: (m) => m.recall(m.uint32()),
  // GLOBAL, STACK_GLOBAL
  0x63: (m) => m.push(m.outside.find(`${m.line()}.${m.line()}`)),
  0x93: (m) => {
    const [name, module] = [m.pop(), m.pop()];
    if (typeof name !== "string" || typeof module !== "string") throw damaged("a name is no text");
    m.push(m.outside.find(`${module}.${name}`));
  },
  // REDUCE, NEWOBJ, NEWOBJ_EX, BUILD, BINPERSID
  0x52: (m) => m.call(m.pop()),
  0x81: (m) => m.call(m.pop()),
  0x92: (m) => {
    m.pop();
    m.call(m.pop());
  },
  0x62: (m) => m.setState(m.pop()),
  0x51: (m) => m.push(m.outside.persistent(m.pop())),
});

function table(entries: Readonly<Record<number, Step>>): (Step | undefined)[] {
  return Array.from({ length: 256 }, (_, opcode) => entries[opcode]);
}

/** Later steps cannot change a tuple. */
function tuple(items: unknown[]): readonly unknown[] {
  return Object.freeze(items);
}

/** A value in a message: what holds others is not walked through, as it can be nested without end. */
export function shown(value: unknown): string {
  const plain = ["string", "number", "bigint", "boolean"].includes(typeof value) || value === null;
  return plain ? String(value as string | number).slice(0, 100) : "(no text)";
}
