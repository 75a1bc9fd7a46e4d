import { test } from "uvu";
import * as assert from "uvu/assert";
import { GpuError, UsageError } from "../../../src/errors.ts";
import { acquireDevice, type Gpu } from "../../../src/gpu/device.ts";
import { type MatrixTile, matrixTiles, workgroupBytes } from "../../../src/gpu/matrices.ts";
import { requireExactMatrices } from "../../../src/gpu/matrices-check.ts";
import { prelude, reflect } from "../../../src/gpu/kernel.ts";
import { link, twinsOf } from "../../../src/gpu/link.ts";
import { inMatrices, inMatrixTile } from "../../../src/graph/product-matrices.ts";
import { type Launch, Value } from "../../../src/graph/value.ts";
import { gemm } from "../../../src/ops/launch/gemm.ts";
import { Random } from "../../../src/random.ts";
import { closeGpus, testGpu } from "../../device.ts";
import { nearestHalf } from "../../nearest-half.ts";
import { bitsOf, combinations, oddProducts } from "./products.ts";

const emulated = (): Promise<Gpu> => testGpu({ precision: "mixed", matrices: "emulated" });

/** A product of values that nothing else uses. */
function product(
  [m, n, k]: readonly [number, number, number],
  { transA = false, hasBias = true } = {},
): Launch {
  const value = (label: string, shape: readonly number[]): Value =>
    new Value(label, shape, "f32", "planned");
  return {
    ...gemm("gpu", { m, n, k, transA, transB: false, hasBias }),
    bind: {
      ...{ a: value("a", transA ? [k, m] : [m, k]), b: value("b", [k, n]) },
      ...{ bias: hasBias ? value("bias", [n]) : null, c: value("c", [m, n]) },
    },
  };
}

const name = (launch: Pick<Launch, "shader" | "parts" | "constants">): string =>
  `${launch.shader} ${launch.parts!.join(" ")} ${launch.constants["BM"]}×${launch.constants["BN"]}`;

test("products of small integers have the bits of the core in float32, in every tile", async () => {
  const gpu = await emulated();
  // Halves hold them, and float32 every sum: each index, tile and buffer is right or is seen.
  const integer = (i: number, size: number): number => ((i * 7919 + size) % 11) - 5;
  const products = [...oddProducts("gpu"), product([150, 131, 70], { transA: true })];
  for (const [index, launch] of products.entries()) {
    const right = await bitsOf(gpu, launch, integer);
    assert.ok(new Set(right).size > 20, `${name(launch)}: results differ from each other`);
    // Operands do not know of tiles: the last product is made in all, each of the others in one.
    const all = index === products.length - 1;
    const tiles = all ? matrixTiles : [matrixTiles[(index + 2) % matrixTiles.length]!];
    const made = tiles.map((tile) => inMatrixTile(gpu, launch, tile));
    // In the smallest tile, of which there is room for two, with one as well.
    const last = made.at(-1)!;
    if (all) {
      assert.equal(
        made.map(({ constants }) => constants["BUFFERS"]),
        [1, 1, 1, 2, 2, 2, 2],
      );
      made.push({ ...last, constants: { ...last.constants, BUFFERS: 1 } });
    }
    for (const one of made) assert.equal(await bitsOf(gpu, one, integer), right, name(one));
  }
});

test("factors are rounded to the nearest half, and sums are float32", async () => {
  const gpu = await emulated();
  const [m, n, k] = [37, 44, 200] as const;
  const random = new Random(5);
  const numbers = Array.from({ length: m * k + k * n + n }, () => random.normal());
  const number = (i: number, size: number): number =>
    numbers[i + (size === m * k ? 0 : size === k * n ? m * k : m * k + k * n)]!;
  const launch = inMatrices(gpu, { ...product([m, n, k]), halves: true });
  assert.ok(launch.parts!.includes("product/matrices"), name(launch));
  const got = new Float32Array((await bitsOf(gpu, launch, number)).buffer);
  let [rounded, whole] = [0, 0];
  for (let row = 0; row < m; row++) {
    for (let col = 0; col < n; col++) {
      const bias = Math.fround(number(col, n));
      let [halves, floats] = [bias, bias];
      for (let j = 0; j < k; j++) {
        const [a, b] = [number(row * k + j, m * k), number(j * n + col, k * n)].map(Math.fround);
        halves += nearestHalf(a!) * nearestHalf(b!);
        floats += a! * b!;
      }
      rounded = Math.max(rounded, Math.abs(got[row * n + col]! - halves));
      whole = Math.max(whole, Math.abs(got[row * n + col]! - floats));
    }
  }
  // k roundings of partial sums of at most some 50, with random signs.
  assert.ok(rounded < 50 * Math.sqrt(k) * 2 ** -24, `${rounded} against rounded factors`);
  // 2 k factors, each off by up to 2^-11 of itself, with random signs: √(2k) 2^-11 in the mean, and five times that.
  assert.ok(whole > 1e-3 && whole < 5 * Math.sqrt(2 * k) * 2 ** -11, `${whole} against float32`);
});

test("halves at their borders: ties, the smallest, the largest, and what is beyond", async () => {
  const gpu = await emulated();
  const cases: readonly (readonly [number, number])[] = [
    ...[
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      2 ** -14 - 2 ** -26,
      2 ** -24,
      2 ** -25,
      1.5 * 2 ** -24,
    ].map((value) => [value, nearestHalf(value)] as const),
    ...([
      [65_504, 65_504],
      [65_519.9, 65_504],
      [65_520, Infinity],
      [-1e9, -Infinity],
      [3e-9, 0],
    ] as const),
  ];
  // Times 1, each number is what is left of it.
  const launch = product([cases.length, 3, 1], { hasBias: false });
  const bits = await bitsOf(gpu, inMatrices(gpu, { ...launch, halves: true }), (i, size) =>
    size === cases.length ? cases[i]![0] : 1,
  );
  const got = new Float32Array(bits.buffer);
  for (const [row, [given, half]] of cases.entries()) assert.is(got[3 * row], half, `${given}`);
});

test("every combination of parts compiles and is reflected, emulated and for matrix units", async () => {
  const gpu = await emulated();
  const units = await nullGpu();
  const launches = combinations()
    .filter(({ parts }) => parts![0] === "product/gpu")
    .flatMap((launch, i) => {
      const bound = { ...launch, bind: {} };
      // Every combination in one tile, and one combination in all.
      const tiles = i === 0 ? matrixTiles : [matrixTiles[i % matrixTiles.length]!];
      return tiles.map((tile) => inMatrixTile(gpu, bound, tile));
    });
  assert.ok(launches.length > 30, `${launches.length} combinations`);
  let pipelines = 0;
  for (const launch of launches) {
    const { shader, parts, constants } = launch;
    const forUnits = parts!.map((part) => (part === "matrix/emulated" ? "matrix/adapter" : part));
    assert.equal(await twinsOf(forUnits), parts);
    for (const [device, chosen] of [
      [gpu.device, parts],
      [units, forUnits],
    ] as const) {
      if (device === undefined) continue;
      const { code } = await link(shader, chosen, prelude(constants));
      device.pushErrorScope("validation");
      const module = device.createShaderModule({ label: name(launch), code });
      const bytes = workgroupBytes(
        constants as unknown as MatrixTile,
        Number(constants["BUFFERS"]),
      );
      if (device === units && bytes <= device.limits.maxComputeWorkgroupStorageSize) {
        pipelines++;
        device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
      }
      assert.is((await device.popErrorScope())?.message, undefined, name(launch));
    }
    const { code } = await link(shader, parts, prelude(constants));
    assert.equal(reflect(code, "main").workgroupSize(constants), [constants["WG"], 1, 1]);
  }
  assert.is(pipelines > 2, units !== undefined, `${pipelines} pipelines`);
  const constants = { WINDOW: 15, BASE: 1, KEEP_VALUE: true, KEEP_DIFFERENCE: true };
  const { code } = await link("predict/invwnn-matrices", ["matrix/adapter"], prelude(constants));
  units?.pushErrorScope("validation");
  units?.createShaderModule({ code });
  assert.is((await units?.popErrorScope())?.message, undefined, "InvWNN");
});

// Dawn may crash where it is collected while its devices live.
let entry: GPU | undefined;

/**
 * A device of Dawn's that has every feature and computes nothing: it checks kernels for matrix units, which no adapter
 * here has. Undefined where there is no Dawn.
 */
async function nullGpu(): Promise<GPUDevice | undefined> {
  if ((globalThis as { Deno?: unknown }).Deno !== undefined) return undefined;
  const { create } = await import("webgpu");
  entry ??= create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  const adapter = await entry.requestAdapter();
  const features = ["chromium-experimental-subgroup-matrix", "shader-f16"] as never;
  return adapter!.requestDevice({
    requiredFeatures: features,
    requiredLimits: {
      maxComputeWorkgroupStorageSize: adapter!.limits.maxComputeWorkgroupStorageSize,
    },
  });
}

test("a tile that the core cannot make is refused by the compiler", async () => {
  const gpu = await emulated();
  const { shader, parts, constants } = inMatrixTile(gpu, product([8, 8, 8]), matrixTiles[0]!);
  for (const wrong of [{ FM: 4 }, { FN: 3 }, { WG: 128 }, { BM: 48 }, { BUFFERS: 3 }]) {
    const { code } = await link(shader, parts, prelude({ ...constants, ...wrong }));
    gpu.device.pushErrorScope("validation");
    gpu.device.createShaderModule({ code });
    const error = await gpu.device.popErrorScope();
    assert.match(error?.message ?? "", /assert/, JSON.stringify(wrong));
  }
});

test("an adapter without matrix units is refused, and so are settings that do not fit", async () => {
  const refused = async (
    options: Parameters<typeof acquireDevice>[0],
    kind: new (message: string) => Error,
    said: RegExp,
  ): Promise<void> => {
    try {
      (await acquireDevice(options)).close();
    } catch (error) {
      assert.instance(error, kind);
      assert.match((error as Error).message, said);
      return;
    }
    assert.unreachable(JSON.stringify(options));
  };
  await refused(
    { precision: "mixed", adapter: "software" },
    GpuError,
    /no matrix units .* adapter "/,
  );
  await refused({ matrices: "emulated" }, UsageError, /is for `precision: "mixed"`/);
  await refused({ precision: "mixed", tuning: "software" }, UsageError, /leave `tuning` out/);
});

test("matrix units that multiply wrongly are found before anything is computed on them", async () => {
  const gpu = await emulated();
  await requireExactMatrices(gpu, "emulated");
  // As a driver that rounds sums to halves: one result in many is off by one.
  const { device, kernels, adapter } = gpu;
  const wrong: Parameters<typeof requireExactMatrices>[0] = {
    ...{ device, kernels, adapter },
    allocate: (sizes) => gpu.allocate(sizes),
    free: (...buffers) => gpu.free(...buffers),
    write: (buffer, data) => gpu.write(buffer, data),
    submit: (encode) => gpu.submit(encode),
    async read(view) {
      const [made] = await gpu.read(view);
      new Float32Array(made!)[17 * 132 + 131]! += 1;
      return [made!];
    },
  };
  try {
    await requireExactMatrices(wrong, "emulated");
  } catch (error) {
    assert.instance(error, GpuError);
    assert.match(
      (error as Error).message,
      /multiply wrongly: element 2375 of a product \[140, 132\]/,
    );
    return;
  }
  assert.unreachable();
});

test.after(closeGpus);
test.run();
