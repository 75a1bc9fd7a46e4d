import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { torchOutside } from "../../src/io/torch-globals.ts";
import { View } from "../../src/io/torch-view.ts";
import { Global, type Outside, unpickle } from "../../src/io/unpickle.ts";
import {
  build,
  call,
  dictionary,
  floatBytes,
  global,
  integer,
  list,
  none,
  type Pickled,
  Storages,
  text,
  tuple,
} from "./torch-fixture.ts";

const read = (value: Pickled, outside: Outside = torchOutside): unknown =>
  unpickle(Uint8Array.from([0x80, 2, ...value, 0x2e]), outside).value;

const refuses = (value: Pickled, message: RegExp): void =>
  assert.throws(
    () => read(value),
    (error: Error) => error instanceof DataError && message.test(error.message),
  );

test("integers of any length and sign, floats, text, tuples, lists and dictionaries", () => {
  assert.is(read([0x8a, 1, 0xff]), -1);
  assert.is(read([0x8a, 2, 0xff, 0x00]), 255);
  assert.is(read([0x8a, 0]), 0);
  assert.is(read([0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0x80, 0]), 2n ** 63n);
  assert.is(read(integer(-70_000)), -70_000);
  assert.is(read([0x47, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]), 1.5);
  assert.equal(read(tuple(text("ü"), none, list(integer(1)))), ["ü", null, [1]]);
  assert.equal(read(dictionary({ a: integer(1) })), new Map([["a", 1]]));
});

test("pickles stand one after another; each ends where the next begins", () => {
  const bytes = Uint8Array.from([0x80, 2, ...integer(1), 0x2e, 0x80, 2, ...integer(2), 0x2e]);
  const first = unpickle(bytes, torchOutside);
  assert.equal(first, { value: 1, end: 8 });
  assert.is(unpickle(bytes, torchOutside, first.end).value, 2);
});

test("a tensor that was checked cannot be changed any more", () => {
  const storages = new Storages();
  const storage = storages.storage("FloatStorage", floatBytes([1, 2]));
  // The shape is a list, kept in the memo; the tensor is made, and then the list grows.
  const grown: Pickled = [
    ...[0x5d, 0x71, 0, 0x28, ...integer(2), 0x65, 0x30],
    ...global("torch._utils", "_rebuild_tensor_v2"),
    ...[0x28, ...storage, ...integer(0), 0x68, 0, ...tuple(integer(1)), 0x74, 0x52, 0x71, 1, 0x30],
    ...[0x68, 0, ...integer(1_000_000), 0x61, 0x30],
    ...[0x68, 1],
  ];
  const view = read(grown);
  assert.instance(view, View);
  assert.equal((view as View).shape, [2]);
  const tensor = storages.tensor({ shape: [2], bytes: floatBytes([1, 2]) });
  const state = dictionary({ shape: tuple(integer(9)), ["__proto__"]: dictionary({}) });
  refuses(build(tensor, state), /gives a state to what has none/);
  refuses(build(storage, state), /gives a state to what has none/);
  refuses(build(global("torch", "Size"), state), /gives a state to what has none/);
  refuses(build(tuple(integer(1)), state), /gives a state to what has none/);
  refuses([...tuple(), ...integer(1), 0x61], /appends to no list/);
  refuses([...tensor, ...text("shape"), ...integer(1), 0x73], /sets items of no dictionary/);
});

test("names that every JavaScript object has are keys like others, and reach no prototype", () => {
  const before = Object.getOwnPropertyNames(Object.prototype).sort();
  const keys = { ["__proto__"]: dictionary({ polluted: integer(1) }), constructor: integer(2) };
  const value = read(dictionary(keys)) as Map<string, unknown>;
  assert.equal([...value.keys()], ["__proto__", "constructor"]);
  assert.is(Object.getPrototypeOf(value), Map.prototype);
  const space = build([...global("argparse", "Namespace"), ...tuple(), 0x81], dictionary(keys));
  assert.is((read(space) as { polluted?: number }).polluted, undefined);
  assert.equal(Object.getOwnPropertyNames(Object.prototype).sort(), before);
  assert.is(({} as { polluted?: number }).polluted, undefined);
});

test("only what is known is named, and only what makes values is called", () => {
  for (const [module, name] of [
    ["os", "system"],
    ["builtins", "getattr"],
    ["__builtin__", "eval"],
    ["torch._utils", "_rebuild_tensor_v2.__globals__"],
    ["collections", "namedtuple"],
    ["functools", "partial"],
    ["torch.hub", "load"],
    ["numpy", "load"],
    ["constructor", "constructor"],
  ] as const) {
    refuses(global(module, name), new RegExp(`asks for ${module}\\.${name}, .* was not run`));
    refuses([...text(module), ...text(name), 0x93], new RegExp(`asks for ${module}\\.${name}`));
  }
  refuses(call(global("builtins", "list"), list()), /calls builtins\.list; it was not run/);
  refuses(call(text("print"), text("x")), /calls no function/);
  refuses(
    call(
      global("torch._tensor", "_rebuild_from_type_v2"),
      global("collections", "OrderedDict"),
      global("torch", "Tensor"),
      tuple(),
      none,
    ),
    /rebuilt by what makes no tensor/,
  );
});

test("damage is said: values that are not there, unknown opcodes, what is cut short", () => {
  refuses([0x30], /takes a value where there is none/);
  refuses([0x74], /ends a group that was not begun/);
  refuses([0x68, 5], /recalls value 5/);
  refuses([0x69], /opcode 105 .* none of torch\.save/);
  refuses([0x58, 255, 255, 255, 127], /cut short/);
  refuses([0x8e, 255, 255, 255, 255, 255, 255, 255, 255], /cut short/);
  refuses([0x7d, 0x28, ...text("a"), 0x75], /key without a value/);
});

test("a pickle that makes far more of itself than it holds is not read", () => {
  refuses(
    Array.from({ length: 1001 }, () => 0x28),
    /nested deeper than 1000/,
  );
  // A list of 1,000 pairs, made a dictionary a hundred times by seven bytes each.
  const pairs = list(...Array.from({ length: 100 }, () => tuple(integer(1), integer(2))));
  const again = [0x68, 0, 0x85, 0x52];
  const copies: Pickled = [
    ...[...pairs, 0x71, 0, 0x30],
    ...[...global("collections", "OrderedDict"), 0x71, 1, 0x30],
    ...Array.from({ length: 100 }, () => [0x68, 1, ...again]).flat(),
  ];
  refuses(copies, /copies more values than it holds/);
  const outside: Outside = { find: (name) => new Global(name), persistent: () => null };
  const many = new Uint8Array(5_000_002).fill(0x5d);
  assert.throws(() => unpickle(many, outside), /makes more than 2000000 values/);
});

test.run();
