import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { acquireDevice } from "../../src/gpu/device.ts";
import { type TunedTable, tunedPath, writeTuned } from "../../src/gpu/tuned.ts";
import { folderOf, removeFolders } from "../data/folder.ts";
import { closeGpus, testGpu } from "../device.ts";
import { before as start, CommandLines, root } from "./command.ts";

// Before the process of the command lines starts, which takes it over.
const cache = folderOf();
const before = process.env["REWIND_CACHE"];
process.env["REWIND_CACHE"] = cache;

const commands = new CommandLines();

interface Printed {
  readonly path: string | null;
  readonly products: readonly {
    readonly kernel: string;
    readonly m: number;
    readonly calls: number;
    readonly usual: { readonly tile: object; readonly ms: number };
    readonly best: { readonly tile: object; readonly ms: number };
  }[];
  readonly left: number;
  readonly milliseconds: { readonly before: number; readonly after: number };
}

test("`tune` measures the products of a step and keeps what is faster, for this adapter", async () => {
  const out = `${folderOf()}/tiles.json`;
  const small = ["--model", "tiny-cnn", "--image-size", "8", "--batch", "4", "--rounds", "1"];
  const { code, out: text, err } = await commands.run("tune", ...small, "--out", out, "--json");
  assert.is(code, 0, err);
  const { path, products, left, milliseconds } = JSON.parse(text) as Printed;
  assert.ok(products.length >= 3);
  assert.is(left, 0);
  assert.ok(milliseconds.after <= milliseconds.before);
  assert.match(err, /\n1 of \d+: \S+ \d+ × \d+ × \d+.*: .* ms/);
  const faster = products.filter(({ usual, best }) => best.ms < usual.ms).length;
  const table = JSON.parse(readFileSync(out, "utf8")) as TunedTable;
  assert.is(table.choices.length, faster);
  assert.is(readFileSync(path!, "utf8"), readFileSync(out, "utf8"));
  assert.equal(readdirSync(cache), [path!.slice(cache.length + 1)]);
  using gpu = await acquireDevice({ tuned: table });
  assert.is(gpu.tuned.size, faster);
});

test("an interruption exits with 130", async () => {
  const small = ["--model", "tiny-cnn", "--image-size", "8", "--batch", "4", "--rounds", "1"];
  const child = spawn(process.execPath, [...start, "tune", ...small], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let err = "";
  child.stderr.on("data", (part: Buffer) => {
    const waits = !err.includes("\n1 of");
    err += part.toString();
    if (waits && err.includes("\n1 of")) child.kill("SIGINT");
  });
  // Deno tells a child's exit code of 130 as the signal it stands for.
  const code = await new Promise((resolve) =>
    child.on("close", (code, signal) => resolve(code ?? signal)),
  );
  assert.ok(code === 130 || code === "SIGINT", `${String(code)}: ${err}`);
  assert.match(err, /interrupting after the product under way/);
});

test("networks of diffusion have products as well; --minutes ends between two of them", async () => {
  const small = ["--model", "unet", "--widths", "4,8", "--depth", "1", "--image-size", "8"];
  const words = [...small, "--batch", "2", "--rounds", "1", "--minutes", "0.00001", "--json"];
  const { code, out, err } = await commands.run("tune", ...words);
  assert.is(code, 0, err);
  const { products, left } = JSON.parse(out) as Printed;
  assert.is(products.length, 1);
  assert.ok(left > 10);
});

test("what is kept is listed and removed; what cannot be used is said, and written anew", async () => {
  const { adapter } = await testGpu();
  const path = (await tunedPath(adapter))!;
  const usual = { tile: { VT: 1, WG: 8 }, ms: 2 };
  await writeTuned(adapter, path, [
    {
      ...{ product: "gemm/product 8 × 9 × 10", kernel: "k", shader: "s", usual, runnerUp: usual },
      ...{ tile: { VT: 4, WG: 16 }, ms: 0.5 },
    },
  ]);
  const shown = await commands.run("tune", "--show");
  assert.is(shown.code, 0, shown.err);
  assert.match(
    shown.out,
    /gemm\/product 8 × 9 × 10 +8×4 a lane, 8 lanes: 2 +8×16 a lane, 16 lanes: 0\.5 /,
  );
  assert.ok(shown.out.includes(path));
  const doctor = await commands.run("doctor");
  assert.match(doctor.out, /tiles +by shape, but for 1 product that rewind tune has measured/);

  writeFileSync(path, "{");
  for (const words of [["tune", "--show"], ["doctor"]]) {
    const { code, out, err } = await commands.run(...words);
    assert.is(code, 0, err);
    assert.match(`${out}${err}`, new RegExp(`"${path}" is not valid JSON`));
  }
  assert.match((await commands.run("tune", "--clear")).out, /^removed .*\.json\n$/);
  assert.not(existsSync(path));
  assert.match((await commands.run("tune", "--clear")).out, /^no tiles are kept for this adapter/);
  assert.match((await commands.run("tune", "--show")).out, /^no tiles are kept for this adapter/);
});

test("wrong uses are refused before anything is measured", async () => {
  for (const [words, says] of [
    [[], /--model says which network's products are measured/],
    [["--show", "--clear"], /--show and --clear: give one of them/],
    [["--clear", "--model", "mlp"], /--clear measures nothing: give it without --model/],
    [["--show", "--default-limits"], /--show measures nothing: give it without --default-limits/],
    [["--model", "nothing"], /allowed are .*mlp/],
    [["--model", "mlp", "--rounds", "0"], /--rounds.*integer of at least 1/],
    [
      ["--model", "mlp", "--dataset", "image-folder"],
      /give --image-size, --channels and --classes/,
    ],
  ] as const) {
    const { code, err } = await commands.run("tune", ...words);
    assert.is(code, 2, err);
    assert.match(err, says);
  }
});

test.after(() => commands.close());
test.after(removeFolders);
test.after(() => {
  if (before === undefined) delete process.env["REWIND_CACHE"];
  else process.env["REWIND_CACHE"] = before;
});
test.after(closeGpus);
test.run();
