import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ModelConfig, networks, modelSpec } from "../models/index.ts";
import { declare } from "../src/nn/model.ts";

/** Numbers of trained parameters (batch norm's scale and shift among them) and of the others. */
function counts(
  config: ModelConfig,
  input: readonly [number, number, number],
  classes: number,
): { trained: number; norm: number; statistics: number } {
  const { parameters, statistics } = declare(modelSpec(config, input, classes));
  const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  const all = [...parameters.values()];
  return {
    trained: all.reduce((sum, { shape }) => sum + size(shape), 0),
    norm: all
      .filter(({ kind }) => kind === "norm")
      .reduce((sum, { shape }) => sum + size(shape), 0),
    statistics: [...statistics.values()].reduce((sum, { shape }) => sum + size(shape), 0),
  };
}

test("networks have the published numbers of parameters", () => {
  // The authors' script: 11,176,842 trainable with batch norm frozen, 9,600 scales and shifts.
  const authors = counts({ name: "resnet18" }, [32, 32, 3], 10);
  assert.equal(authors, { trained: 11_186_442, norm: 9_600, statistics: 9_600 });
  assert.is(counts({ name: "resnet18-cifar" }, [32, 32, 3], 10).trained, 11_173_962);
  assert.is(counts({ name: "resnet18-imagenet" }, [224, 224, 3], 1000).trained, 11_689_512);
  assert.is(counts({ name: "pvt-v2-b0" }, [224, 224, 3], 1000).trained, 3_666_760);
  assert.is(counts({ name: "pvt-v2-b0" }, [224, 224, 3], 100).trained, 3_435_460);
  assert.is(counts({ name: "convnext-t" }, [224, 224, 3], 1000).trained, 28_589_128);
  assert.is(counts({ name: "convnext-t" }, [64, 64, 3], 200).trained, 27_973_928);
  assert.is(counts({ name: "convnext-atto" }, [64, 64, 3], 1000).trained, 3_695_520);
  assert.is(counts({ name: "convnext-atto" }, [64, 64, 3], 200).trained, 3_438_720);
  // As published for images of 3 channels (1,950,627), less 2 × (32 + 32 + 1) for one; batch norm only tracks.
  assert.equal(counts({ name: "unet" }, [32, 32, 1], 10), {
    ...{ trained: 1_950_497, norm: 0 },
    statistics: 2 * (64 + 32 + 32 + 64 + 64 + 96 + 96 + 128 + 224 + 192 + 160 + 128 + 96 + 64),
  });
  assert.is(counts({ name: "unet" }, [64, 64, 3], 10).trained, 1_950_627);
  const scaled = { name: "unet", widths: [16, 32, 48], depth: 1, embedding: 16, norm: "group" };
  assert.equal(counts(scaled, [16, 16, 1], 4), { trained: 103_137, norm: 0, statistics: 0 });
  // By hand: 224 + 1168 + 4640 + 9248 of the convolutions, 8256 + 650 of the dense layers.
  assert.is(counts({ name: "simple-net" }, [32, 32, 3], 10).trained, 24_186);
  assert.is(counts({ name: "small-cnn" }, [28, 28, 1], 10).trained, 20_490);
  // 50,240 + 2,080 + 330; 144 + 32 + 4,608 + 64 + 330.
  assert.is(counts({ name: "mlp" }, [28, 28, 1], 10).trained, 52_650);
  assert.is(counts({ name: "tiny-cnn" }, [28, 28, 1], 10).trained, 5_178);
  // Patches 544, positions 1,568, two blocks of 128 + 4,224 + 2,112 + 2,080, 64, 330.
  assert.is(counts({ name: "tiny-vit" }, [28, 28, 1], 10).trained, 19_594);
  // Stem 216, other 3×3 kernels 171,648, projections 2,688, batch norm 1,200, head 650.
  assert.is(counts({ name: "tiny-resnet" }, [32, 32, 3], 10).trained, 176_402);
});

test("every name makes a model of its name", () => {
  const layers = [{ type: "flatten" }, { type: "linear", name: "head", units: "classes" }];
  for (const name of networks.names) {
    const settings = name === "described" ? { title: "x", layers } : {};
    const size = name === "pvt-v2-b0" || name.startsWith("convnext") ? 64 : 32;
    assert.ok(modelSpec({ name, ...settings }, [size, size, 3], 10).name.startsWith(`${name}(`));
  }
});

test.run();
