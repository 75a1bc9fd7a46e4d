import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu, Tuning } from "../../../src/gpu/device.ts";
import { prelude, reflect } from "../../../src/gpu/kernel.ts";
import { link } from "../../../src/gpu/link.ts";
import { Bound } from "../../../src/graph/bound.ts";
import { Graph } from "../../../src/graph/graph.ts";
import { coreTiles, retile, tileName, tileOf } from "../../../src/graph/product-tiles.ts";
import { compile } from "../../../src/graph/program.ts";
import { rewrite } from "../../../src/graph/rewrite.ts";
import { type Launch, type UnboundLaunch, Value } from "../../../src/graph/value.ts";
import { conv2d, maxPool, relu, sum } from "../../../src/ops/index.ts";
import {
  conv2dForward,
  conv2dInputGrad,
  type Conv2dShape,
  conv2dWeightGrad,
} from "../../../src/ops/launch/conv2d.ts";
import { gemm, gemmProduct } from "../../../src/ops/launch/gemm.ts";
import { productGpu, tiles } from "../../../src/ops/launch/product.ts";
import { closeGpus, testGpu } from "../../device.ts";

/** Launches that ask for every combination of core, operands and lanes, and for every tile. */
function combinations(): UnboundLaunch[] {
  const found = new Map<string, UnboundLaunch>();
  const add = (launch: UnboundLaunch): void => {
    const { shader, parts, constants } = launch;
    const { TRANS_A, TRANS_B, HAS_BIAS } = constants;
    found.set([shader, ...parts!, TRANS_A, TRANS_B, HAS_BIAS].join(" "), launch);
  };
  const both = [false, true];
  for (const tuning of ["software", "gpu"] as const) {
    for (const [first, second] of [
      [8, 8],
      [8, 5],
      [5, 8],
      [5, 5],
    ] as const) {
      for (const hasBias of both) {
        for (const transA of both) {
          for (const transB of both) {
            for (const n of [8, 5]) {
              add(gemm(tuning, { m: first, n, k: second, transA, transB, hasBias }));
            }
          }
        }
        const conv: Conv2dShape = {
          ...{ n: 2, h: 9, w: 8, cin: first, oh: 5, ow: 4, cout: second, kh: 3, kw: 2 },
          ...{ strideH: 2, strideW: 2, padH: 1, padW: 0, hasBias },
        };
        add(conv2dForward(tuning, conv));
        add(conv2dInputGrad(tuning, conv));
        add(conv2dWeightGrad(tuning, conv));
      }
    }
  }
  const product = [...found.values()].find(({ parts }) => parts![0] === "product/gpu")!;
  const tiled = tiles.map((tile) => ({
    ...product,
    constants: { ...product.constants, ...tile.constants },
  }));
  return [...found.values(), ...tiled];
}

test("every combination of parts that a launch can ask for compiles and is reflected", async () => {
  const gpu = await testGpu();
  const launches = combinations();
  assert.ok(launches.length > 60, `${launches.length} combinations`);
  for (const { shader, parts, constants } of launches) {
    const name = [shader, ...parts!, prelude(constants).replaceAll("\n", " ")].join(" ");
    const { code } = await link(shader, parts, prelude(constants));
    const reflection = reflect(code, "main");
    const sized = parts![0] === "product/software" ? ["sizes uniform"] : [];
    assert.equal(
      reflection.bindings.map((binding) => `${binding.name} ${binding.access}`),
      [...["a read", "b read", "bias read", "c write"], ...sized],
      name,
    );
    assert.equal(reflection.workgroupSize(constants), [constants["WG"], 1, 1], name);
    gpu.device.pushErrorScope("validation");
    gpu.device.createShaderModule({ label: name, code });
    assert.is((await gpu.device.popErrorScope())?.message, undefined, name);
  }
});

/** Products of odd sizes, by what they are: tiles hang over both edges, and the last step of k is not whole. */
function oddProducts(tuning: Tuning): Launch[] {
  const graph = new Graph(tuning);
  const x = graph.input("x", [2, 12, 10, 5]);
  const kernels = [graph.input("w", [3, 3, 5, 36]), graph.input("v", [3, 3, 36, 7])] as const;
  const y = maxPool(relu(conv2d(x, kernels[0], graph.input("b", [36]), { padding: 1 })), {
    size: 2,
  });
  const loss = sum(conv2d(y, kernels[1], null, { padding: 1, stride: 2 }));
  const { launches } = graph.backward(loss, kernels);
  const { steps } = rewrite([...graph.forward(), ...launches]);
  const value = (label: string, shape: readonly number[]): Value =>
    new Value(label, shape, "f32", "planned");
  const product = (m: number, n: number, k: number, transA: boolean): Launch => ({
    ...gemm(tuning, { m, n, k, transA, transB: !transA, hasBias: true }),
    bind: {
      ...{ a: value("a", [k, m]), b: value("b", [k, n]) },
      ...{ bias: value("bias", [n]), c: value("c", [m, n]) },
    },
  });
  const found = ["conv2d/forward-pooled", "conv2d/weight-grad", "conv2d/input-grad"].map((shader) =>
    steps.find((step) => step.shader === shader)!,
  );
  // Read element by element, and as vec4.
  return [...found, product(37, 67, 29, true), product(70, 68, 36, false)];
}

test("neither tile nor lanes change a bit of a product", async () => {
  for (const tuning of ["software", "gpu"] as const) {
    const gpu = await testGpu({ tuning });
    for (const launch of oddProducts(tuning)) {
      const name = `${tuning}: ${launch.shader} ${launch.parts!.join(" ")}`;
      const own = tileOf(launch);
      assert.ok(own, name);
      const same = retile(launch, own);
      assert.equal([same.constants, same.groups], [launch.constants, launch.groups], name);
      const tiles = coreTiles[tuning];
      const others = tiles.map((tile) => retile(launch, tile));
      const [first, ...rest] = await Promise.all(others.map((other) => bitsOf(gpu, other)));
      assert.ok(new Set(first).size > first!.length / 3, `${name}: results differ from each other`);
      for (const [i, bits] of rest.entries()) {
        assert.equal(bits, first, `${name}: ${tileName(tiles[i + 1]!)}`);
      }
    }
  }
});

/** What a product makes of the same numbers each time, as words. */
async function bitsOf(gpu: Gpu, launch: Launch): Promise<Uint32Array> {
  const results = ["c", "argmax"].flatMap((name) => launch.bind[name] ?? []);
  const inputs = Object.values(launch.bind).filter(
    (value) => value !== null && !results.includes(value),
  );
  using bound = new Bound();
  const copies = new Map<Value | null, Value>();
  for (const value of inputs as Value[]) {
    const copy = new Value(value.label, value.shape, value.dtype, "bound");
    copies.set(value, copy);
    const data = Float32Array.from({ length: value.size }, (_, i) => Math.sin(i * i + value.size));
    bound.bindings.set(copy, bound.at(await bound.upload(gpu, value.label, data)));
  }
  const bind = Object.entries(launch.bind).map(([name, value]) => [
    name,
    copies.get(value) ?? value,
  ]);
  using program = await compile(gpu, [{ ...launch, bind: Object.fromEntries(bind) }], {
    ...{ label: launch.shader, bindings: bound.bindings, keep: results },
  });
  program.run();
  const parts = await gpu.read(...results.map((value) => program.view(value)));
  return Uint32Array.from(parts.flatMap((part) => [...new Uint32Array(part)]));
}

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
