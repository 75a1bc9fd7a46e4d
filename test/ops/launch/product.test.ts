import { test } from "uvu";
import * as assert from "uvu/assert";
import { prelude, reflect } from "../../../src/gpu/kernel.ts";
import { link } from "../../../src/gpu/link.ts";
import { coreTiles, retile, tileName, tileOf } from "../../../src/graph/product-tiles.ts";
import { Value } from "../../../src/graph/value.ts";
import { gemm, gemmProduct } from "../../../src/ops/launch/gemm.ts";
import { productGpu, tiles } from "../../../src/ops/launch/product.ts";
import { closeGpus, testGpu } from "../../device.ts";
import { bitsOf, combinations, oddProducts } from "./products.ts";

test("every combination of parts that a launch can ask for compiles and is reflected", async () => {
  const gpu = await testGpu();
  const launches = combinations();
  assert.ok(launches.length > 60, `${launches.length} combinations`);
  for (const { shader, parts, constants } of launches) {
    const name = [shader, ...parts!, prelude(constants).replaceAll("\n", " ")].join(" ");
    const { code } = await link(shader, parts, prelude(constants));
    const reflection = reflect(code, "main");
    const sized = parts![0] === "product/software" ? ["sizes uniform"] : [];
    const sums = parts!.includes("product/with-sums") ? ["column_sums write"] : [];
    assert.equal(
      reflection.bindings.map((binding) => `${binding.name} ${binding.access}`),
      [...["a read", "b read", "bias read", "c write"], ...sized, ...sums],
      name,
    );
    assert.equal(reflection.workgroupSize(constants), [constants["WG"], 1, 1], name);
    gpu.device.pushErrorScope("validation");
    gpu.device.createShaderModule({ label: name, code });
    assert.is((await gpu.device.popErrorScope())?.message, undefined, name);
  }
});

test("neither tile nor lanes change a bit of a product", async () => {
  for (const tuning of ["software", "gpu"] as const) {
    const gpu = await testGpu({ tuning });
    for (const [index, launch] of oddProducts(tuning).entries()) {
      const name = `${tuning}: ${launch.shader} ${launch.parts!.join(" ")}`;
      const own = tileOf(launch);
      assert.ok(own, name);
      const same = retile(launch, own);
      assert.equal([same.constants, same.groups], [launch.constants, launch.groups], name);
      // Two buffers and the other order of lanes, which operands do not know of, in a few tiles: two buffers in the largest
      // and the smallest, the order in every shape that has it, and once both.
      const variants = [[9, 18], [19], [20, 25], [17, 21]][index] ?? [];
      // Sums of columns take their own way through the tiles: of each kind one.
      const kinds = index === 5 ? [0, 2, 8, 16, 25] : [0, 1, 2, 3, 4, 5, 6, 7, 8, ...variants];
      const tiles = coreTiles[tuning].filter((_, i) => kinds.includes(i));
      const others = tiles.map((tile) => retile(launch, tile));
      const [first, ...rest] = await Promise.all(others.map((other) => bitsOf(gpu, other)));
      assert.ok(new Set(first).size > first!.length / 3, `${name}: results differ from each other`);
      for (const [i, bits] of rest.entries()) {
        assert.equal(bits, first, `${name}: ${tileName(tiles[i + 1]!)}`);
      }
    }
  }
});

test("a product that is read as vec4 has the bits of one that is read element by element", async () => {
  const gpu = await testGpu({ tuning: "gpu" });
  const shape = { m: 70, n: 68, k: 36, transA: false, transB: true, hasBias: true };
  const product = gemmProduct("gpu", shape);
  assert.equal(product.vec4, { a: true, b: true, c: true });
  const scalar = { ...product, vec4: { a: false, b: false, c: false } };
  const bind = Object.fromEntries(
    Object.entries({ a: [70, 36], b: [68, 36], bias: [68], c: [70, 68] }).map(([name, sides]) => [
      name,
      new Value(name, sides, "f32", "planned"),
    ]),
  );
  const [first, second] = await Promise.all(
    [product, scalar].map((one) => bitsOf(gpu, { ...productGpu(one, tiles[3]!), bind })),
  );
  assert.equal(first, second);
});

test("a tile that the core cannot make is refused by the compiler", async () => {
  const gpu = await testGpu();
  const { shader, parts, constants } = gemm("gpu", {
    ...{ m: 8, n: 8, k: 8, transA: false, transB: false, hasBias: false },
  });
  for (const wrong of [{ TM: 2 }, { TN: 4 }, { WG: 32 }, { BM: 48 }]) {
    const { code } = await link(shader, parts, prelude({ ...constants, ...wrong }));
    gpu.device.pushErrorScope("validation");
    gpu.device.createShaderModule({ code });
    const error = await gpu.device.popErrorScope();
    assert.match(error?.message ?? "", /assert/, JSON.stringify(wrong));
  }
});

test.after(closeGpus);
test.run();
