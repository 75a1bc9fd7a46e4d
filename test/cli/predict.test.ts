// `rewind predict` from the command line, against the golden vectors of the published checkpoints.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { sharedFile, skip } from "../shared.ts";
import { CommandLines, rewind, root, type Said } from "./command.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-predict-`);
const shipped = `${root}/models/weights/invwnn-conv.safetensors`;

const zeros = (count: number): unknown[] => Array.from({ length: count }, () => 0);

/** Words of `rewind predict`. */
const words = (predictor: string, histories: string, out: string): string[] =>
  ["predict", "--predictor", predictor].concat(["--histories", histories, "--out", out]);
const predict = (...files: Parameters<typeof words>): Said => rewind(...words(...files));
const commands = new CommandLines();

interface Case {
  readonly kind: string;
  readonly history: readonly number[];
  readonly residual: number;
  readonly predicted: number;
}

const read = (path: string): { cases: Case[]; [key: string]: unknown } =>
  JSON.parse(readFileSync(path, "utf8"));

test("published checkpoints give the golden residual and prediction of every case", () => {
  if (!existsSync(sharedFile("reference/golden/InvWNN_Conv.json"))) {
    return skip("reference: the published InvWNN and its golden vectors");
  }
  const check = (name: string): number => {
    const golden = read(sharedFile(`reference/golden/InvWNN_${name}.json`)).cases;
    // The user's file has no answers in it, and fields of its own that must come back.
    const histories = `${folder}/${name}.json`;
    const cases = golden.map(({ kind, history }, id) => ({ id, kind, history }));
    writeFileSync(histories, JSON.stringify({ run: 7, cases }));
    const file = sharedFile(`reference/published-predictors/invwnn/InvWNN_${name}.h5`);
    const out = `${folder}/${name}-predicted.json`;
    const { code, err } = predict(file, histories, out);
    assert.is(code, 0, err);
    const result = read(out);
    assert.equal([result["run"], result["set"], result["base"]], [7, "all", "oldest"]);
    assert.is(result.cases.length, golden.length);
    result.cases.forEach(({ residual, predicted, ...rest }, i) => {
      const want = golden[i]!;
      assert.equal(rest, cases[i]);
      const allowed = 1e-6 + 1e-4 * Math.abs(want.residual);
      const error = Math.abs(residual - want.residual);
      assert.ok(error <= allowed, `${name} case ${i}, residual: ${error} of ${allowed}`);
      // The prediction is a float32 of the weight's size: half a unit in its last place more.
      const rounded = allowed + 2 ** -24 * Math.abs(want.predicted);
      const off = Math.abs(predicted - want.predicted);
      assert.ok(off <= rounded, `${name} case ${i}, prediction: ${off} of ${rounded}`);
    });
    return golden.length;
  };
  const counts = ["Conv", "FC", "Bias"].map(check);
  assert.ok(counts.every((count) => count >= 10));
});

test("bad input gives one clear line, exit code 1, and no output file", async () => {
  const write = (name: string, text: string): string => {
    writeFileSync(`${folder}/${name}`, text);
    return `${folder}/${name}`;
  };
  const history = (values: readonly unknown[]): string =>
    JSON.stringify({
      cases: [{ history: Array.from({ length: 15 }, () => 0.5) }, { history: values }],
    });
  const good = write("good.json", JSON.stringify({ cases: [{ history: zeros(15) }] }));
  const flat = (last: string): string => history([...zeros(14), "?"]).replace('"?"', last);
  const cases: [string, string, RegExp][] = [
    [shipped, write("torn.json", '{"cases": [{"history": [1, 2'), /torn\.json" is not JSON: /],
    [shipped, write("nan.json", flat("NaN")), /nan\.json" is not JSON: /],
    [shipped, write("null.json", flat("null")), /null\.json" is not valid:[^]*history/],
    [shipped, write("infinite.json", flat("1e999")), /infinite\.json" is not valid:[^]*history/],
    [shipped, write("far.json", flat("1e39")), /case 1 of ".*far\.json": predictor .* gives NaN/],
    [shipped, write("empty.json", '{"cases": []}'), /empty\.json" is not valid:[^]*cases/],
    [shipped, write("long.json", history(zeros(16))), /case 1: .* 15 values, got 16/],
    [shipped, `${folder}/absent.json`, /cannot read ".*absent\.json": there is no such file/],
    [`${folder}/absent.h5`, good, /no predictor ".*absent\.h5": give a folder, a \.h5, \.pt or/],
    [write("fake.h5", "not HDF5"), good, /fake\.h5" is text, no checkpoint/],
    [good, good, /good\.json" is JSON, no checkpoint/],
  ];
  const out = (i: number): string => `${folder}/out-${i}.json`;
  for (const [i, [predictor, histories, message]] of cases.entries()) {
    const given = words(predictor, histories, out(i));
    const { code, out: printed, err } = i === 0 ? rewind(...given) : await commands.run(...given);
    assert.is(code, /no predictor/.test(message.source) ? 2 : 1, `${histories}: ${err}`);
    assert.match(err, message);
    assert.not.match(err, /\n\s+at /, "no stack trace");
    assert.is(printed, "");
    assert.not(existsSync(out(i)), histories);
  }
});

test("a weight set must be named where the predictor has several", () => {
  const histories = `${folder}/one.json`;
  writeFileSync(histories, JSON.stringify({ cases: [{ history: zeros(15) }] }));
  const { code, err } = predict(`${root}/models/weights`, histories, `${folder}/none.json`);
  assert.is(code, 2);
  assert.match(err, /which weight set of ".*weights"\? Give --set with one of: conv, fc, bias\./);
});

test.after(async () => {
  await commands.close();
  rmSync(folder, { recursive: true, force: true });
});
test.run();
