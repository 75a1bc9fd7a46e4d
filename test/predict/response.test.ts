import { test } from "uvu";
import * as assert from "uvu/assert";
import { linearPredictor } from "../../src/predict/linear.ts";
import { predictorResponse, shapes } from "../../src/predict/response.ts";
import { closeGpus, testGpu } from "../device.ts";

test("every shape moves from 0 to 1 over the window", () => {
  for (const [name, shape] of Object.entries(shapes)) {
    assert.ok(Math.abs(shape(0)) < 1e-12 && Math.abs(shape(1) - 1) < 1e-12, name);
  }
});

test("linear extrapolation answers minus U / (K - 1), whatever the shape", async () => {
  const [row] = await predictorResponse(await testGpu(), linearPredictor(15, 3));
  for (const [name, value] of Object.entries(row!.response)) {
    // Weights of 0.05 are rounded to 4e-9, the movement is 0.01.
    assert.ok(Math.abs(value + 3 / 14) < 1e-5, `${name}: ${value}`);
  }
});

test.after(closeGpus);
test.run();
