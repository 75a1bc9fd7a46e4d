// A network of the user's own in a module: it imports the package, and what is wrong with it is said with its file.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { folderOf, removeFolders } from "../data/folder.ts";
import { CommandLines, rewindIn, root } from "./command.ts";

/** The package as another installation of it would be: its modules are loaded beside those of the command line. */
const packageFiles = {
  "node_modules/rewind-webgpu/package.json": '{"type": "module", "exports": "./index.js"}',
  "node_modules/rewind-webgpu/index.js": `export * from "file://${root}src/index.ts";\n`,
};

const before = 'import { defineNetwork, flatten, noSettings, relu } from "rewind-webgpu";\n';
const module = (name: string, build: string): string =>
  `${before}export default defineNetwork({ name: "${name}", settings: noSettings, ${build} });\n`;

const right = `build: (l, x, classes) => l.linear("b", relu(l.linear("a", flatten(x), 4)), classes)`;

const dir = folderOf({
  ...packageFiles,
  "package.json": '{"type": "module"}',
  "right.ts": module("right-ts", right.replace("classes)", "classes: number)")),
  "right.js": module("right-js", right),
  "void.ts": module("void", "build() {}"),
  "async.js": module("async", `async build(l, x, n) { return l.linear("a", flatten(x), n); }`),
  "layer.ts": module("layer", `build: (l: any, x: any) => l.conv(x)`),
  "nameless.js": module("nameless", "build: (l, x, n) => l.linear(undefined, flatten(x), n)"),
  "shape.js": module("shape", `build: (l, x) => l.linear("a", flatten(x), 7)`),
  "null.js": "throw null;\n",
  "text.js": 'throw "no weights";\n',
  "syntax.ts": "export default {{;\n",
  "other.ts": "export default 5;\n",
  "waits.js": "await new Promise(() => {});\n",
});

const commands = new CommandLines();
const plan = ["plan", "--train", "9", "--test", "9", "--batch", "3", "--forget-batch", "3"];

test("operations of another copy of the package join one network", async () => {
  for (const file of ["right.ts", "right.js"]) {
    const { code, out, err } = await commands.run(...plan, "--model", `${dir}/${file}`);
    assert.is(code, 0, err);
    assert.match(out, /\npeak /);
  }
});

test("what a run's module says of its network is found again by its checkpoint", async () => {
  const sizes = ["--train", "40", "--test", "10", "--epochs", "1", "--batch", "20"];
  const small = [...sizes, "--image-size", "8"];
  for (const words of [
    ["--model", `${dir}/right.ts`, "--out", `${dir}/own`],
    ["--task", "diffusion", "--widths", "4,8", "--depth", "1", "--out", `${dir}/draws`],
  ]) {
    const { code, err } = await commands.run("train", ...small, ...words);
    assert.is(code, 0, err);
  }
  // Processes that have not loaded it.
  const file = `${dir}/own/checkpoint.safetensors`;
  const out = `${dir}/own.safetensors`;
  const exported = rewindIn(dir, "export", file, "--format", "same", "--out", out);
  assert.is(exported.code, 0, exported.err);
  assert.not.match(exported.err, /flatten/, "with one channel there is one order");
  const draw = ["sample", "--run", "draws", "--count", "2", "--steps", "1", "--out", "drawn.png"];
  const drawn = rewindIn(dir, ...draw, "--grader", "own");
  assert.is(drawn.code, 0, drawn.err);
});

test("what is wrong with a module is said in one line that names it", async () => {
  for (const [file, says, code] of [
    ["void.ts", /model "void\(.* `build` returns undefined, and must return/, 2],
    ["async.js", /model "async\(.* `build` returns a promise \(it must not be async\)/, 2],
    ["layer.ts", /layer\.ts: its network cannot be built: l\.conv is not a function/, 1],
    ["nameless.js", /nameless\.js: .*a layer's first argument is its name.* undefined/, 1],
    ["shape.js", /model "shape\(.* gives \[1, 7\] for one example; it should give/, 1],
    ["null.js", /null\.js cannot be loaded: null/, 1],
    ["text.js", /text\.js cannot be loaded: no weights/, 1],
    ["syntax.ts", /syntax\.ts cannot be loaded: .*syntax\.ts/, 1],
    ["other.ts", /other\.ts: its default export is no network/, 1],
  ] as const) {
    const said = await commands.run(...plan, "--model", `${dir}/${file}`);
    assert.is(said.code, code, said.err);
    assert.match(said.err, says);
    assert.match(said.err, /^rewind: [^\n]+\n$/);
  }
});

test("a module that waits for nothing is an error, not an end without a word", () => {
  const { code, err } = rewindIn(dir, ...plan, "--model", "waits.js");
  assert.is(code, 1, err);
  assert.match(err, /waits\.js cannot be loaded: it waits for something that never happens/);
});

test.after(async () => {
  await commands.close();
  removeFolders();
});
test.run();
