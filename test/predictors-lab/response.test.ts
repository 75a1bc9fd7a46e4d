// What a predictor answers to known shapes, against what must come out.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { linearPredictor } from "../../src/predictors/linear.ts";
import {
  bent,
  predictorResponse,
  probes,
  responseCharts,
} from "../../src/predictors-lab/response.ts";
import { rewind } from "../cli/command.ts";
import { closeGpus, testGpu } from "../device.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-eval-`);

test("a bent shape goes from 0 to 1 and slows down where its bend is positive", () => {
  for (const bend of [-4, -0.5, 0, 0.5, 6]) {
    assert.ok(Math.abs(bent(bend, 0)) < 1e-12 && Math.abs(bent(bend, 1) - 1) < 1e-12, `${bend}`);
    assert.is(Math.sign(Math.round(1e9 * (bent(bend, 0.5) - 0.5))), Math.sign(bend));
  }
});

for (const horizon of [3, -2]) {
  test(`a straight line of ${horizon} epochs answers ${Math.abs(horizon)}, at any bend, scale and weight`, async () => {
    const predictor = linearPredictor(15, horizon);
    const [response] = await predictorResponse(await testGpu(), predictor);
    const { answers, atRest } = response!;
    assert.is(atRest, 0);
    for (const [name, list] of Object.entries(answers)) {
      for (const { x, mean, deviation } of list) {
        // Weights near 0.05 or 1 are rounded to 4e-9 or 6e-8: up to 4e-3 and 1e-4 steps, times two.
        const allowed =
          name === "noise" ? 0.3 * x + 1e-3 : name === "scale" ? 2e-9 / x + 1e-3 : 1e-3;
        assert.ok(Math.abs(mean - Math.abs(horizon)) <= allowed, `${name} ${x}: ${mean}`);
        // The line's ends carry the noise: U √2 / 14 steps of it.
        const spread = name === "noise" ? (x * Math.abs(horizon) * Math.SQRT2) / 14 : 0;
        assert.ok(Math.abs(deviation - spread) <= 0.2 * spread, `${name} ${x}: ± ${deviation}`);
      }
    }
    const charts = responseCharts(predictor, [response!]);
    assert.equal(
      charts.map(({ series }) => series.length),
      [2, 2, 2, 2],
    );
  });
}

test("the truth of a shape is the shape's own continuation", () => {
  const [past, future] = (["past", "future"] as const).map(
    (direction) => probes({ window: 15, direction }).find(({ name }) => name === "bend")!.truth!,
  );
  assert.ok(Math.abs(past!(0, 3) - 3) < 1e-12 && Math.abs(future!(0, 3) - 3) < 1e-12);
  assert.ok(past!(2, 3) > 3 && future!(2, 3) < 3, "what slows down came faster and goes slower");
  // Snapshots that are not one epoch apart: 4, 7, 9, 10.
  const [line] = probes({ window: 4, direction: "future", times: [4, 7, 9, 10] })[0]!.points;
  const [history] = line!.histories;
  const steps = [1, 2, 3].map((k) => (history![k]! - history![k - 1]!) / line!.x);
  steps.forEach((value, k) => assert.ok(Math.abs(value - 3 + k) < 1e-6, `${value}`));
});

test("predictor eval prints its tables and writes them with a figure", () => {
  const { code, out, err } = rewind("predictor", "eval", "linear:2", "--out", folder);
  assert.is(code, 0, err);
  assert.match(out, /A straight line with noise/);
  assert.match(out, /all +(2\.0 +)+2\.0\n/);
  assert.match(readFileSync(`${folder}/eval.md`, "utf8"), /\| the shape itself \| 2\.0 \|/);
  for (const file of ["eval.svg", "eval.png", "eval.json"]) {
    assert.ok(existsSync(`${folder}/${file}`), file);
  }
});

test.after(async () => {
  await closeGpus();
  rmSync(folder, { recursive: true });
});
test.run();
