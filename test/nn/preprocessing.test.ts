import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError, UsageError } from "../../src/errors.ts";
import { parsePreprocessing, preprocessingOf } from "../../src/nn/preprocessing.ts";

test("names and numbers a channel; one number is for every channel", () => {
  const imagenet = preprocessingOf("imagenet", 3);
  assert.equal([...imagenet.mean], [...Float32Array.of(0.485, 0.456, 0.406)]);
  assert.equal(imagenet.deviation, [0.229, 0.224, 0.225]);
  assert.is(imagenet.crop, 0.875);
  assert.equal([...preprocessingOf("half", 1).mean], [0.5]);
  assert.equal(preprocessingOf("half", 3).deviation, [0.5, 0.5, 0.5]);
  assert.equal(preprocessingOf("none", 2), { mean: new Float32Array(2) });
  assert.throws(
    () => preprocessingOf("imagenet", 1),
    (error: Error) => error instanceof UsageError && /3 means, .* 1 channel\./.test(error.message),
  );
});

test("files: our own, timm's config.json, a preprocessor_config.json", () => {
  const want = { mean: [0.1, 0.2, 0.3], deviation: [1, 2, 3], crop: 0.9 };
  assert.equal(parsePreprocessing(want, "f"), want);
  const timm = { mean: want.mean, std: want.deviation, crop_pct: 0.9, interpolation: "bicubic" };
  assert.equal(parsePreprocessing(timm, "f"), want);
  assert.equal(parsePreprocessing({ architecture: "x", pretrained_cfg: timm }, "f"), want);
  const processor = { image_mean: want.mean, image_std: want.deviation };
  assert.equal(parsePreprocessing({ ...processor, crop_pct: 0.9 }, "f"), want);
  assert.equal(
    parsePreprocessing({ ...processor, size: { shortest_edge: 256 }, crop_size: 224 }, "f"),
    { mean: want.mean, deviation: want.deviation, crop: 0.875 },
  );
  for (const json of [{}, [], { mean: [] }, { mean: [1], std: [0] }, { mean: [1], std: ["a"] }]) {
    assert.throws(
      () => parsePreprocessing(json, "prep.json"),
      (error: Error) =>
        error instanceof DataError && error.message.startsWith("prep.json: it does not say"),
    );
  }
});

test("files: synonyms, what is not known, and what cannot be followed", () => {
  const mean = [0.1, 0.2, 0.3];
  const std = [1, 2, 3];
  assert.equal(parsePreprocessing({ mean, std, crop: 0.5 }, "f"), {
    mean,
    deviation: std,
    crop: 0.5,
  });
  assert.equal(parsePreprocessing({ mean }, "f"), { mean });
  const processor = { image_mean: mean, image_std: std, do_rescale: true, rescale_factor: 1 / 255 };
  assert.equal(parsePreprocessing({ ...processor, size: { height: 9, width: 9 } }, "f"), {
    mean,
    deviation: std,
  });
  assert.equal(parsePreprocessing({ ...processor, do_normalize: false }, "f"), { mean: [0] });
  assert.equal(
    parsePreprocessing({ ...processor, size: 256, crop_size: 224, do_center_crop: false }, "f"),
    { mean, deviation: std },
  );
  for (const [json, says] of [
    [{ mean, std, deviation: std }, /deviation and std are the same, and both are given/],
    [{ mean, std, crop: 1, crop_pct: 1 }, /crop and crop_pct are the same/],
    [{ mean, deviaton: std }, /"deviaton" is not known; it has mean, deviation/],
    [{ ...processor, image_sdt: std }, /"image_sdt" is not known/],
    [{ mean: [124, 116, 104], std: [58, 57, 57] }, /a mean of 124 is not of pixels from 0 to 1/],
    [{ ...processor, image_mean: [124] }, /divide means and deviations of bytes by 255/],
    [{ ...processor, do_rescale: false }, /other numbers than bytes \/ 255/],
    [{ ...processor, rescale_factor: 1 / 127.5 }, /other numbers than bytes \/ 255/],
    [{ ...processor, do_flip_channel_order: true }, /do_flip_channel_order is not supported/],
    [{ mean: [1e39] }, /does not say/],
    [{ mean, deviation: [1e-300] }, /does not say/],
  ] as const) {
    assert.throws(
      () => parsePreprocessing(json, "prep.json"),
      (error: Error) => error instanceof DataError && says.test(error.message),
    );
  }
  assert.throws(() => preprocessingOf({ mean: [1e39] }, 1), /single precision/);
});

test.run();
