import { test } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../src/errors.ts";
import { declaredNames, link, registerShader, twinsOf } from "../../src/gpu/link.ts";

/** A source of texts by name. */
function from(files: Record<string, string>): (file: string) => Promise<string> {
  return (file) =>
    file in files ? Promise.resolve(files[file]!) : Promise.reject(new Error(`no ${file}`));
}

const files = {
  "walk/loop": "//! part\n//! needs formula\n// The loop.\nfn main() { let y = formula(1.0); }\n",
  "lane/one": "//! part\nalias Lane = f32;\n",
  kernel:
    "//! import walk/loop, lane/one\n// A kernel.\nfn formula(x: f32) -> Lane {\n  return x;\n}\n",
};

test("a kernel is its imports, each once, and the file itself", async () => {
  const linked = await link("kernel", ["lane/one"], "const N = 3;\n", from(files));
  assert.equal(linked.files, ["lane/one", "walk/loop", "kernel"]);
  assert.is(linked.code, `const N = 3;\n${files["lane/one"]}${files["walk/loop"]}${files.kernel}`);
});

test("imports may form a ring: each file still stands once", async () => {
  const ring = { a: "//! import b\nfn a() {}\n", b: "//! import a\nfn b() {}\n" };
  assert.equal((await link("a", [], "", from(ring))).files, ["b", "a"]);
});

test("a line of the text is traced back to its file and line", async () => {
  const linked = await link("kernel", [], "const N = 3;\nconst M = 4;\n", from(files));
  const lines = linked.code.split("\n");
  const place = (text: string) => linked.origin(lines.findIndex((line) => line.includes(text)) + 1);
  assert.equal(place("M = 4"), { file: "constants", line: 2 });
  assert.equal(place("fn main"), { file: "walk/loop", line: 4 });
  assert.equal(place("alias Lane"), { file: "lane/one", line: 2 });
  assert.equal(place("return x"), { file: "kernel", line: 4 });
});

test("directives that enable something stand before all declarations, each once; lines keep their place", async () => {
  const enabling = {
    ...files,
    "lane/one": "//! part\nenable f16;\nalias Lane = f32;\n",
    kernel: `enable f16;\nenable other;\n${files.kernel}`,
  };
  const linked = await link("kernel", [], "const N = 3;\n", from(enabling));
  const lines = linked.code.split("\n");
  assert.equal(lines.slice(0, 3), ["enable f16;", "enable other;", "const N = 3;"]);
  assert.is(lines.filter((line) => line.startsWith("enable")).length, 2);
  const place = (text: string) => linked.origin(lines.findIndex((line) => line.includes(text)) + 1);
  assert.equal(place("N = 3"), { file: "constants", line: 1 });
  assert.equal(place("alias Lane"), { file: "lane/one", line: 3 });
  assert.equal(place("return x"), { file: "kernel", line: 6 });
});

test("reflection reads a part's twin in its place", async () => {
  registerShader("own/plain", "//! part\nalias Kind = f32;\n");
  registerShader("own/dialect", "//! part\n//! twin own/plain\nalias Kind = f16;\n");
  assert.equal(await twinsOf(["own/plain", "own/dialect"]), ["own/plain", "own/plain"]);
  assert.equal(await twinsOf(), []);
});

test("a name declared twice names both files", async () => {
  const twice = { ...files, "lane/one": "//! part\nalias Lane = f32;\nfn formula() {}\n" };
  await rejects(
    link("kernel", [], "", from(twice)),
    /kernel kernel: "formula" is declared by lane\/one and by kernel/,
  );
  await rejects(
    link("kernel", [], "const Lane = 3;\n", from(files)),
    /"Lane" is declared by constants and by lane\/one/,
  );
});

test("what a part needs and nobody declares is named", async () => {
  const lacking = { ...files, kernel: "//! import walk/loop\nfn other() {}\n" };
  await rejects(
    link("kernel", [], "", from(lacking)),
    /part walk\/loop needs "formula", which none of walk\/loop, kernel declares/,
  );
});

test("comments declare and import nothing; a declaration may stand anywhere in a line", async () => {
  const commented =
    "\u{feff}/* //! import none\nfn outer() {} /* fn inner() {} */ // */\nconst A = 1; const B = 2; // const C = 3;\n" +
    "  struct S { x: f32 } @must_use fn g(a: f32) -> S { const local = 1; return S(a); }\n" +
    "var<private> p: array<f32, A>; // see /* nothing\nalias L = f32;\n";
  assert.equal(declaredNames(commented), ["A", "B", "S", "g", "p", "L"]);
  const linked = await link("a", [], "", from({ a: commented }));
  assert.equal(linked.files, ["a"]);
  assert.not.match(linked.code, /^\u{feff}/u);
  await rejects(link("a", [], "const B = 3;\n", from({ a: commented })), /"B" is declared by con/);
});

test("a comma at the end of a list names nothing", async () => {
  const comma = { ...files, kernel: "//! import walk/loop, lane/one,\nfn formula() {}\n" };
  assert.equal((await link("kernel", [], "", from(comma))).files, [
    "walk/loop",
    "lane/one",
    "kernel",
  ]);
});

test("a line for the linker that it does not know is refused, with its file", async () => {
  for (const slip of [
    "//! need formula",
    "//!import walk/loop",
    "//! imports walk/loop",
    "//! needs",
    "//! parts",
    "  //! import walk/loop",
    "fn other() {} //! import walk/loop",
    "// ! import walk/loop",
  ]) {
    const slipped = { ...files, kernel: `${slip}\nfn formula() {}\n` };
    await rejects(link("kernel", [], "", from(slipped)), /shader kernel: ".*\/\/ ?!.*" is none of/);
  }
});

test("a name declared twice in one file says so", async () => {
  const twice = { kernel: "fn one() {}\nfn one() {}\n" };
  await rejects(link("kernel", [], "", from(twice)), /"one" is declared twice by kernel/);
});

test("a part that does not exist is named", async () => {
  await rejects(link("no/such-kernel"), /no shader part "no\/such-kernel"/);
});

test("a text from outside is linked like a file, under a name of its own", async () => {
  const text = "//! import walk/thread\nfn outside() -> u32 {\n  return 1u;\n}\n";
  registerShader("own/outside", text);
  registerShader("own/outside", text);
  const linked = await link("own/outside");
  assert.equal(linked.files, ["walk/thread", "own/outside"]);
  assert.ok(linked.code.endsWith(text));
  for (const [name, other, pattern] of [
    ["own/outside", "fn other() {}\n", /there is a shader "own\/outside" already/],
    ["elementwise/relu", text, /begin with own\/, and have letters/],
    ["own/", text, /begin with own\/, and have letters/],
    ["own/a b", text, /begin with own\/, and have letters/],
  ] as const) {
    assert.throws(
      () => registerShader(name, other),
      (error: Error) => error instanceof UsageError && pattern.test(error.message),
    );
  }
});

test("declarations are found behind attributes and in every form", () => {
  const text = [
    "@group(0) @binding(1) var<storage, read_write> y: array<f32>;",
    "var<workgroup> tile: array<f32, 4>;",
    "const N = 3;",
    "struct Tile {",
    "  row: u32,",
    "}",
    "alias Lane = vec4f;",
    "@compute @workgroup_size(64) fn short() {}",
    "@compute @workgroup_size(WG)",
    "fn main() {",
    "  const inner = 3;",
    "  var local = 1;",
    "}",
  ].join("\n");
  assert.equal(declaredNames(text), ["y", "tile", "N", "Tile", "Lane", "short", "main"]);
});

async function rejects(work: Promise<unknown>, pattern: RegExp): Promise<void> {
  try {
    await work;
  } catch (error) {
    assert.instance(error, UsageError);
    assert.match((error as Error).message, pattern);
    return;
  }
  assert.unreachable(`expected: ${pattern}`);
}

test.run();
