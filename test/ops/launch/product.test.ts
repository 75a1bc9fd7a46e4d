import { test } from "uvu";
import * as assert from "uvu/assert";
import type { BufferView } from "../../../src/gpu/device.ts";
import type { UnboundLaunch } from "../../../src/graph/value.ts";
import { prelude, reflect } from "../../../src/gpu/kernel.ts";
import { link } from "../../../src/gpu/link.ts";
import { compile } from "../../../src/graph/program.ts";
import { Value } from "../../../src/graph/value.ts";
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

test("neither tile nor lanes change a bit of a product", async () => {
  const gpu = await testGpu({ tuning: "gpu" });
  // Tiles hang over both edges, and the last step of k is not whole.
  const [m, n, k] = [70, 68, 36];
  const shape = { m, n, k, transA: false, transB: true, hasBias: true };
  const product = gemmProduct("gpu", shape);
  assert.equal(product.vec4, { a: true, b: true, c: true });
  const scalar = { ...product, vec4: { a: false, b: false, c: false } };
  const a = new Value("a", [m, k], "f32", "bound");
  const b = new Value("b", [n, k], "f32", "bound");
  const bias = new Value("bias", [n], "f32", "bound");
  const bindings = new Map<Value, BufferView>();
  for (const value of [a, b, bias]) {
    const { buffer } = await gpu.allocate({ buffer: value.bytes });
    gpu.write(
      buffer!,
      Float32Array.from({ length: value.size }, (_, i) => Math.sin(i * i + value.size)),
    );
    bindings.set(value, { buffer: buffer!, offset: 0, size: value.bytes });
  }
  const launches = [
    ...tiles.map((tile) => productGpu(product, tile)),
    productGpu(scalar, tiles[3]!),
  ];
  const results = launches.map((_, i) => new Value(`c ${i}`, [m, n], "f32", "planned"));
  const program = await compile(
    gpu,
    launches.map((launch, i) => ({ ...launch, bind: { a, b, bias, c: results[i]! } })),
    { label: "products", bindings, keep: results },
  );
  program.run();
  const [first, ...others] = await gpu.read(...results.map((result) => program.view(result)));
  const expected = new Uint32Array(first!);
  assert.ok(new Set(expected).size > (m * n) / 2, "results differ from each other");
  others.forEach((other, i) => {
    const { parts, constants } = launches[i + 1]!;
    assert.equal(new Uint32Array(other), expected, JSON.stringify({ parts, constants }));
  });
  program.destroy();
  gpu.free(...[...bindings.values()].map(({ buffer }) => buffer));
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
