/** Launches of products, for the tests of their cores, and what they make. */
import type { Gpu, Tuning } from "../../../src/gpu/device.ts";
import { Bound } from "../../../src/graph/bound.ts";
import { Graph } from "../../../src/graph/graph.ts";
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
import { gemm } from "../../../src/ops/launch/gemm.ts";
import { tiles, withColumnSums } from "../../../src/ops/launch/product.ts";

/** Launches that ask for every combination of core, operands and lanes, and for every tile. */
export function combinations(): UnboundLaunch[] {
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
  const summing = [...found.values()].flatMap((launch) => withColumnSums(launch) ?? []);
  return [...found.values(), ...summing, ...tiled];
}

/** Products of odd sizes, by what they are: tiles hang over both edges, and the last step of k is not whole. */
export function oddProducts(tuning: Tuning): Launch[] {
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
  // Read element by element; read as vec4, and with the sums of b's columns where the core has them.
  const summing = withColumnSums(product(70, 68, 36, true));
  const column_sums = value("column sums", [68]);
  return [
    ...[...found, product(37, 67, 29, true), product(70, 68, 36, false)],
    ...(summing === undefined ? [] : [{ ...summing, bind: { ...summing.bind, column_sums } }]),
  ];
}

/** Element `i` of an input of so many. */
type Numbers = (i: number, size: number) => number;

/** What a product makes of the same numbers each time, as words. */
export async function bitsOf(
  gpu: Gpu,
  launch: Launch,
  number: Numbers = (i, size) => Math.sin(i * i + size),
): Promise<Uint32Array> {
  const results = ["c", "argmax", "column_sums"].flatMap((name) => launch.bind[name] ?? []);
  const inputs = Object.values(launch.bind).filter(
    (value) => value !== null && !results.includes(value),
  );
  using bound = new Bound();
  const copies = new Map<Value | null, Value>();
  for (const value of inputs as Value[]) {
    const copy = new Value(value.label, value.shape, value.dtype, "bound");
    copies.set(value, copy);
    const data = Float32Array.from({ length: value.size }, (_, i) => number(i, value.size));
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
