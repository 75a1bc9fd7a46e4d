import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError, UsageError } from "../../src/errors.ts";
import { readTorch } from "../../src/io/torch-pt.ts";
import { exists, readBytes } from "../../src/platform/files.ts";
import { sharedFile, skip } from "../shared.ts";
import {
  build,
  call,
  dictionary,
  floatBytes,
  global,
  integer,
  list,
  no,
  none,
  type Pickled,
  pickledCall,
  raw,
  Storages,
  text,
  torchFile,
  type TorchTensor,
  tuple,
  yes,
} from "./torch-fixture.ts";

const refuses = (bytes: Uint8Array, message: RegExp): void =>
  assert.throws(
    () => readTorch(bytes, "net.pt"),
    (error: Error) =>
      error instanceof DataError &&
      error.message.includes('"net.pt"') &&
      message.test(error.message),
  );

test("tensors come out row-major, whatever their strides and offset", () => {
  const values = floatBytes([0, 1, 2, 3, 4, 5, 6]);
  const { tensors } = readTorch(
    torchFile({
      plain: { shape: [2, 3], bytes: values },
      transposed: { shape: [3, 2], strides: [1, 3], offset: 1, bytes: values },
      repeated: { shape: [2, 2], strides: [0, 1], bytes: values },
      scalar: { shape: [], offset: 6, bytes: values },
      empty: { shape: [0, 4], bytes: new Uint8Array(0) },
    }),
  );
  const read = Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));
  assert.equal(read, {
    plain: [0, 1, 2, 3, 4, 5],
    transposed: [1, 4, 2, 5, 3, 6],
    repeated: [0, 1, 0, 1],
    scalar: [6],
    empty: [],
  });
  assert.equal(tensors.get("transposed")!.shape, [3, 2]);
});

test("every number format becomes float32", () => {
  const bytes = (array: { buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(array.buffer);
  const { tensors } = readTorch(
    torchFile({
      double: { shape: [2], type: "DoubleStorage", bytes: bytes(Float64Array.of(0.1, -2)) },
      // 1.5, -2, 2^-14 / 1024 (the smallest subnormal), infinity.
      half: {
        shape: [4],
        type: "HalfStorage",
        bytes: bytes(Uint16Array.of(0x3e00, 0xc000, 0x0001, 0x7c00)),
      },
      bfloat: { shape: [2], type: "BFloat16Storage", bytes: bytes(Uint16Array.of(0x3fc0, 0xc000)) },
      long: { shape: [1], type: "LongStorage", bytes: bytes(BigInt64Array.of(-7n)) },
      flags: { shape: [2], type: "BoolStorage", bytes: Uint8Array.of(1, 0) },
    }),
  );
  const read = Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));
  assert.equal(read, {
    double: [Math.fround(0.1), -2],
    half: [1.5, -2, 2 ** -24, Infinity],
    bfloat: [1.5, -2],
    long: [-7],
    flags: [1, 0],
  });
});

test("a state dict is found inside the dictionary of a training", () => {
  const w = { shape: [1], bytes: floatBytes([3]) };
  for (const inside of ["state_dict", "model", "model_state_dict", "net", "model_ema", "ema"]) {
    const { tensors, notes } = readTorch(torchFile({ w }, { inside }));
    assert.equal([...tensors.keys()], ["w"]);
    assert.equal(notes, [`tensors taken from "${inside}"`]);
  }
});

const one = (value: number): { shape: number[]; bytes: Uint8Array } => ({
  shape: [1],
  bytes: floatBytes([value]),
});

test("of several containers the trained weights are taken, and said; a key takes another", () => {
  const storages = new Storages();
  const sets = {
    epoch: integer(3),
    optimizer: dictionary({ state: dictionary({ momentum: storages.tensor(one(9)) }) }),
    model_ema: storages.stateDict({ w: one(2) }),
    model: dictionary({ state_dict: storages.stateDict({ w: one(1) }) }),
    rng: storages.tensor(one(7)),
  };
  const file = storages.archive(dictionary(sets));
  const read = (key?: string): [number, string[]] => {
    const { tensors, notes } = readTorch(file, "net.pt", { key });
    return [tensors.get("w")!.data[0]!, notes];
  };
  assert.equal(read(), [
    1,
    ['tensors taken from "model.state_dict"; others can be taken by `key=model_ema`'],
  ]);
  assert.equal(read("model_ema"), [2, ['tensors taken from "model_ema"']]);
  assert.is(
    readTorch(file, "net.pt", { key: "optimizer.state" }).tensors.get("momentum")!.data[0],
    9,
  );
  assert.throws(
    () => read("teacher"),
    (error: Error) =>
      error instanceof UsageError &&
      error.message === '"net.pt": `key=teacher` of the checkpoint holds no tensors.',
  );
});

test("dictionaries of unknown names: one is taken, of several a key must choose", () => {
  const storages = new Storages();
  const generator = storages.stateDict({ w: one(1) });
  const critic = storages.stateDict({ w: one(2) });
  const alone = readTorch(storages.archive(dictionary({ generator, epoch: integer(1) })));
  assert.equal(alone.notes, ['tensors taken from "generator"']);
  refuses(
    storages.archive(dictionary({ generator, critic })),
    /choose one by `key=generator`, `key=critic`/,
  );
});

test("what wrappers put before all names is taken off, and said; what only some have stays", () => {
  const names = (...given: string[]): [string[], string[]] => {
    const file = torchFile(Object.fromEntries(given.map((name, i) => [name, one(i)])));
    const { tensors, notes } = readTorch(file);
    return [[...tensors.keys()], notes];
  };
  for (const prefix of ["module.", "_orig_mod.", "model.", "encoder.", "module._orig_mod."]) {
    assert.equal(names(`${prefix}conv.weight`, `${prefix}conv.bias`), [
      ["conv.weight", "conv.bias"],
      [`prefix \`${prefix}\` taken off all 2 names`],
    ]);
  }
  assert.equal(names("module.conv.weight", "fc.bias"), [["module.conv.weight", "fc.bias"], []]);
  assert.equal(names("fc.weight", "fc.bias"), [["fc.weight", "fc.bias"], []]);
  assert.equal(names("n_averaged", "module.conv.weight"), [
    ["conv.weight"],
    [
      '"n_averaged" left out, the count of averaged weights',
      "prefix `module.` taken off the only name",
    ],
  ]);
  assert.equal(names("a._orig_mod.weight", "b.weight"), [
    ["a.weight", "b.weight"],
    ["marks of wrapped parts taken out of 1 name"],
  ]);
});

test("names that are sought choose among dictionaries, and what lies behind a prefix", () => {
  const storages = new Storages();
  const names = new Set(["conv.weight", "conv.bias", "fc.weight"]);
  const net = { "conv.weight": one(1), "conv.bias": one(2), "fc.weight": one(3) };
  const other = { "norm.weight": one(4) };
  const read = (sets: Readonly<Record<string, Pickled>>): [string[], string[]] => {
    const { tensors, notes } = readTorch(storages.archive(dictionary(sets)), "net.pt", { names });
    return [[...tensors.keys()], notes];
  };
  const [critic, generator] = [storages.stateDict(other), storages.stateDict(net)];
  assert.equal(read({ critic, generator }), [
    Object.keys(net),
    ['tensors taken from "generator"; others can be taken by `key=critic`'],
  ]);
  assert.equal(read({ model: critic, model_ema: generator })[0], Object.keys(net));
  // A training module with its own tensors beside the network's.
  const under = (prefix: string): Record<string, TorchTensor> =>
    Object.fromEntries(Object.entries(net).map(([name, value]) => [prefix + name, value]));
  assert.equal(
    read({ state_dict: storages.stateDict({ ...under("model.body."), "loss.weight": one(5) }) }),
    [
      Object.keys(net),
      [
        'tensors taken from "state_dict"',
        "prefix `model.body.` taken off 3 of 4 names, and the others left out: loss.weight",
      ],
    ],
  );
  // A network whose own names begin as a wrapper's do, and one of which only a common name is known.
  const own = { "model.w": one(1), "model.b": one(2) };
  const file = torchFile(own);
  const kept = readTorch(file, "x", { names: new Set(Object.keys(own)) });
  assert.equal([...kept.tensors.keys()], Object.keys(own));
  const foreign = { "a.fc.weight": one(1), "a.x": one(2), "a.y": one(3), "b.z": one(4) };
  assert.equal(read({ state_dict: storages.stateDict(foreign) })[0], Object.keys(foreign));
});

/** What trainings save beside tensors. */
const harmless: Readonly<Record<string, Pickled>> = {
  milestones: call(global("collections", "Counter"), [
    0x7d,
    0x28,
    ...integer(91),
    ...integer(1),
    0x75,
  ]),
  size: call(global("torch", "Size"), tuple(integer(3), integer(32))),
  losses: call(global("collections", "defaultdict"), global("__builtin__", "list")),
  device: call(global("torch", "device"), text("cuda"), integer(0)),
  dtype: global("torch", "float16"),
  path: call(global("pathlib", "PosixPath"), text("runs"), text("a")),
  seen: call(global("__builtin__", "set"), list(integer(1), integer(2))),
  bytes: call(global("_codecs", "encode"), text("abc"), text("latin1")),
  args: build(
    [...global("argparse", "Namespace"), ...tuple(), 0x81],
    dictionary({ lr: [0x47, ...new Uint8Array(8)], ["__proto__"]: none }),
  ),
  best: call(
    global("numpy.core.multiarray", "scalar"),
    call(global("numpy", "dtype"), text("f8"), no, yes),
    raw(new Uint8Array(8)),
  ),
};

test("counters, sizes, devices, types, paths, namespaces and NumPy's numbers are no harm", () => {
  const storages = new Storages();
  const state_dict = storages.stateDict({ w: one(1) });
  const { tensors } = readTorch(storages.archive(dictionary({ ...harmless, state_dict })));
  assert.equal([...tensors.get("w")!.data], [1]);
});

test("parameters and NumPy's arrays are tensors, in their own order of memory", () => {
  const storages = new Storages();
  const array = (order: Pickled): Pickled =>
    build(
      call(
        global("numpy.core.multiarray", "_reconstruct"),
        global("numpy", "ndarray"),
        tuple(integer(0)),
        raw([98]),
      ),
      tuple(
        integer(1),
        tuple(integer(2), integer(3)),
        call(global("numpy", "dtype"), text("f4"), no, yes),
        order,
        raw(floatBytes([0, 1, 2, 3, 4, 5])),
      ),
    );
  const inner = tuple(
    storages.storage("FloatStorage", floatBytes([4, 5])),
    integer(0),
    tuple(integer(2)),
    tuple(integer(1)),
    no,
    none,
  );
  const file = storages.archive(
    dictionary({
      parameter: call(global("torch._utils", "_rebuild_parameter"), storages.tensor(one(3)), yes),
      typed: call(
        global("torch._tensor", "_rebuild_from_type_v2"),
        global("torch._utils", "_rebuild_tensor_v2"),
        global("torch.nn.parameter", "Parameter"),
        inner,
        dictionary({}),
      ),
      unsigned: call(
        global("torch._utils", "_rebuild_tensor_v3"),
        storages.storage("UntypedStorage", new Uint8Array(Uint16Array.of(65_535, 1).buffer)),
        integer(0),
        tuple(integer(2)),
        tuple(integer(1)),
        no,
        none,
        global("torch", "uint16"),
        none,
      ),
      rows: array(no),
      columns: array(yes),
    }),
  );
  const read = Object.fromEntries(
    [...readTorch(file).tensors].map(([name, { data }]) => [name, [...data]]),
  );
  assert.equal(read, {
    parameter: [3],
    typed: [4, 5],
    unsigned: [65_535, 1],
    rows: [0, 1, 2, 3, 4, 5],
    columns: [0, 2, 4, 1, 3, 5],
  });
});

test("files from before PyTorch 1.6 are read", () => {
  const storages = new Storages(true);
  const values = floatBytes([0, 1, 2, 3, 4, 5]);
  const long = new Uint8Array(BigInt64Array.of(-7n).buffer);
  const file = storages.legacyFile(
    dictionary({
      state_dict: storages.stateDict({
        "module.w": { shape: [3, 2], strides: [1, 3], bytes: values },
        "module.n": { shape: [], type: "LongStorage", bytes: long },
      }),
    }),
  );
  const { tensors, notes } = readTorch(file);
  assert.equal([...tensors.get("w")!.data], [0, 3, 1, 4, 2, 5]);
  assert.equal([...tensors.get("n")!.data], [-7]);
  assert.equal(notes.length, 2);
  refuses(file.slice(0, -3), /cut short: 5 of 8 bytes of storage 1/);
});

test("views that make far more numbers than are stored are refused before any is made", () => {
  const bytes = floatBytes([1]);
  const view = (...shape: number[]): Uint8Array =>
    torchFile({ w: { shape, strides: shape.map(() => 0), bytes } });
  assert.is(readTorch(view(100, 100)).tensors.get("w")!.data.length, 10_000);
  refuses(view(24_000, 24_000), /make 576000000 numbers of the 1 that it stores/);
  refuses(view(2 ** 30, 2 ** 30), /more numbers than can be/);
  refuses(
    torchFile({ w: { shape: [2], strides: [-1], bytes: floatBytes([1, 2]) } }),
    /description is not one/,
  );
  // Many tensors of one storage.
  const storages = new Storages();
  const big = storages.tensor({ shape: [2 ** 16], bytes: floatBytes(new Float32Array(2 ** 16)) });
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`w${i}`, big]));
  refuses(storages.archive(dictionary(many)), /make 2621440 numbers of the 65536/);
});

test("an archive that claims to unpack to more than it can hold is not unpacked", () => {
  const storages = new Storages();
  const w = storages.stateDict({ w: { shape: [4], bytes: floatBytes([1, 2, 3, 4]) } });
  assert.equal([...readTorch(storages.archive(w, "a", 9)).tensors.get("w")!.data], [1, 2, 3, 4]);
  const zeros = new Storages();
  zeros.stateDict({ w: { shape: [1], bytes: new Uint8Array(2 ** 25) } });
  refuses(zeros.archive(w, "a", 9), /claims 33554432 bytes unpacked/);
});

test("an array of many names, and names that hold themselves many times over, are not followed", () => {
  const storages = new Storages();
  const w = storages.tensor({ shape: [1], bytes: floatBytes([1]) });
  const array = call(
    global("numpy._core.numeric", "_frombuffer"),
    raw(new Uint8Array(60_000)),
    call(global("numpy", "dtype"), text("u1"), no, yes),
    tuple(integer(60_000)),
    text("C"),
  );
  // Kept once, and put under a thousand names.
  const names = Array.from({ length: 1000 }, (_, i) => [...text(`a${i}`), 0x68, 9]).flat();
  const many = [...array, 0x71, 9, 0x30, 0x7d, 0x28, ...names, 0x75];
  refuses(storages.archive(many), /NumPy arrays make 60000000 bytes of the \d+ that it has/);
  // A tuple of the one before it twice, forty times.
  let name: Pickled = [0x29, 0x71, 1];
  for (let i = 0; i < 40; i++) name = [...name, 0x68, 1, 0x68, 1, 0x86, 0x71, 1];
  const items = [...text("w"), ...w, ...name, ...integer(1)];
  const { notes } = readTorch(storages.archive([0x7d, 0x28, ...items, 0x75]));
  assert.match(notes.join(), /1 of its entries passed over.*\(no text\)/);
  // One dictionary of many names under as many names.
  const entries = Array.from({ length: 20_000 }, (_, i) => [...integer(i), 0x4e]).flat();
  const under = Array.from({ length: 20_000 }, (_, i) => [...text(`d${i}`), 0x68, 3]).flat();
  const inner = [0x7d, 0x71, 3, 0x28, ...entries, 0x75, 0x30];
  refuses(storages.archive([...inner, 0x7d, 0x28, ...under, 0x75]), /holds no tensors under names/);
});

test("one changed bit of an archive is found by its checksum, in numbers and names alike", () => {
  const storages = new Storages();
  const w = storages.stateDict({ w: { shape: [4], bytes: floatBytes([1, 2, 3, 4]) } });
  const good = storages.archive(w);
  const at = Buffer.from(good).indexOf(Buffer.from(floatBytes([1, 2, 3, 4])));
  const changed = (place: number, by: number): Uint8Array =>
    good.map((byte, i) => (i === place ? byte ^ by : byte));
  refuses(changed(at + 5, 1), /is damaged: "archive\/data\/0" .* does not have its checksum; copy/);
  const name = Buffer.from(good).indexOf(Buffer.from([0x58, 1, 0, 0, 0, 0x77]));
  refuses(changed(name + 5, 2), /is damaged: "archive\/data\.pkl" .* does not have its checksum/);
  // PyTorch can leave the checksums out.
  const unsummed = good.slice();
  const view = new DataView(unsummed.buffer);
  for (let i = 0; i + 4 < unsummed.length; i++) {
    if (view.getUint32(i, true) === 0x02014b50) view.setUint32(i + 16, 0, true);
  }
  assert.equal([...readTorch(unsummed).tensors.get("w")!.data], [1, 2, 3, 4]);
});

test("an archive whose files share a name or their bytes is refused", () => {
  const storages = new Storages();
  const w = storages.stateDict({ w: { shape: [1], bytes: floatBytes([1]) } });
  storages.stateDict({ v: { shape: [1], bytes: floatBytes([2]) } });
  const good = Buffer.from(storages.archive(w));
  const twice = Buffer.from(good.toString("latin1").replaceAll("data/1", "data/0"), "latin1");
  refuses(twice, /has two files "archive\/data\/0"/);
  const shared = Buffer.from(good);
  for (let at = shared.indexOf("PK\x01\x02"); at >= 0; at = shared.indexOf("PK\x01\x02", at + 1)) {
    shared.writeUInt32LE(good.length - 1, at + 20);
  }
  refuses(shared, /more than the archive of \d+ can hold/);
});

test("a pickle that would run something is refused by name", () => {
  const w = { shape: [1], bytes: floatBytes([3]) };
  const hostile = (module: string, name: string): Uint8Array =>
    torchFile({ w }, { inside: "state_dict", extra: pickledCall(module, name, "echo") });
  refuses(hostile("os", "system"), /asks for os\.system, .* it was not run/);
  refuses(hostile("builtins", "eval"), /builtins\.eval/);
  refuses(hostile("torch", "load"), /torch\.load/);
  // Names every JavaScript object inherits are no globals either.
  refuses(hostile("constructor", "constructor"), /constructor\.constructor/);
  refuses(hostile("torch", "constructor"), /torch\.constructor/);
});

test("damaged files say what is wrong", () => {
  const file = torchFile({ w: { shape: [4], bytes: floatBytes([1, 2, 3, 4]) } });
  refuses(file.slice(0, file.length - 30), /damaged or cut short/);
  refuses(Uint8Array.of(0x80, 2, 0x2e), /its pickle is damaged/);
  refuses(
    torchFile({ w: { shape: [5], bytes: floatBytes([1, 2]) } }),
    /element 4 of a storage of 2/,
  );
  refuses(torchFile({ w: { shape: [1], bytes: Uint8Array.of(1, 2, 3) } }), /whole number/);
  refuses(torchFile({}), /no tensors/);
});

test("the published NiNo files hold the tensors their descriptions name", async () => {
  const folder = sharedFile("reference/published-predictors/nino");
  if (!(await exists(folder))) return skip("reference/published-predictors");
  for (const [name, count, numbers] of [
    ["nino_mlp", 11, 57_384],
    ["nino_mlp_h32", 11, 5160],
    ["nino_no_posw", 49, 549_992],
  ] as const) {
    const { tensors } = readTorch(await readBytes(`${folder}/${name}.pt`), name);
    assert.is(tensors.size, count);
    assert.is(
      [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0),
      numbers,
    );
  }
});

test.run();
