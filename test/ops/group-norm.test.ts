import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { groupNorm } from "../../src/ops/index.ts";
import { count, type Shape } from "../../src/shape.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus, tunings } from "../device.ts";
import { moments } from "../float64.ts";

/** y = gamma (x - mean) / sqrt(variance + epsilon) + beta, group by group of each example. */
function reference(
  [x, gamma, beta]: readonly Float64Array[],
  shape: Shape,
  { groups, epsilon = 1e-5 }: { groups: number; epsilon?: number },
): Float64Array {
  const channels = shape.at(-1)!;
  const perExample = count(shape.slice(1));
  const groupOf = (i: number): number =>
    Math.floor(i / perExample) * groups + Math.floor(((i % channels) * groups) / channels);
  const members = new Map<number, number[]>();
  for (const [i, value] of x!.entries()) {
    const group = groupOf(i);
    members.set(group, [...(members.get(group) ?? []), value]);
  }
  const own = new Map([...members].map(([group, values]) => [group, moments(values)]));
  return x!.map((value, i) => {
    const { mean, variance } = own.get(groupOf(i))!;
    const normed = (value - mean) / Math.sqrt(variance + epsilon);
    return (gamma?.[i % channels] ?? 1) * normed + (beta?.[i % channels] ?? 0);
  });
}

async function check(
  shape: Shape,
  attrs: { groups: number; epsilon?: number },
  affine: boolean,
  seeds: number,
): Promise<void> {
  const channels = shape.at(-1)!;
  const pixels = count(shape) / channels;
  await checkOp({
    label: `groupNorm [${shape.join(", ")}] in ${attrs.groups}${affine ? "" : ", plain"}`,
    inputs: [
      {
        shape,
        // Around 1 and -1 in turn, so that no group's deviation is below a third.
        make: (random, size) =>
          Array.from({ length: size }, (_, i) => (i % 2 === 0 ? 1 : -1) * (0.5 + random.float())),
      },
      ...(affine ? [{ shape: [channels], range: [0.5, 1.5] as const }, { shape: [channels] }] : []),
    ],
    build: ([x, gamma, beta]) => groupNorm(x!, gamma ?? null, beta ?? null, attrs),
    reference: (inputs) => reference(inputs, shape, attrs),
    // As layer norm: ten roundings, a mean of up to 256 terms in one accumulator divided by a third, and gradients of
    // gamma and beta that add up to `pixels` terms of size one to three.
    tolerance: { absolute: 3 * (32 + 256 + Math.min(pixels, 256)) * 2 ** -24, relative: 3e-6 },
    seeds,
  });
}

test("groupNorm normalises each group of each example by its own mean and variance", async () => {
  for (const [shape, groups] of [
    [[3, 8], 4],
    [[2, 5, 7, 6], 2],
    [[3, 3, 5, 24], 3],
    [[2, 9, 9, 8], 1],
    [[1, 4, 4, 12], 3],
  ] as const) {
    await check(shape, { groups }, true, 2);
  }
  await check([2, 5, 7, 6], { groups: 2, epsilon: 1e-3 }, true, 1);
});

test("without gamma and beta they are 1 and 0", async () => {
  await check([2, 5, 7, 6], { groups: 3 }, false, 1);
  await check([3, 3, 5, 24], { groups: 3 }, false, 1);
});

test("gradients only where asked", () => {
  for (const tuning of tunings) {
    const graph = new Graph(tuning);
    const [x, gamma, beta] = [[4, 8], [8], [8]].map((shape) => graph.input("v", shape));
    const y = groupNorm(x!, gamma!, beta!, { groups: 2 });
    const cotangent = graph.input("c", [4, 8]);
    const entries = (wrt: typeof y): (string | undefined)[] =>
      graph.backward(y, [wrt], { cotangent }).launches.map(({ entry }) => entry);
    assert.equal(entries(x!), ["input_gradient"]);
    assert.is(entries(gamma!)[0], "sums");
    assert.not(entries(beta!).includes("input_gradient"));
  }
});

test("groups that do not divide the channels, and half an affine part, are refused", () => {
  const graph = new Graph("software");
  const [x, gamma] = [graph.input("x", [2, 4, 4, 6]), graph.input("gamma", [6])];
  const refuses = (build: () => unknown, message: string): void =>
    assert.throws(
      build,
      (error: Error) => error instanceof ShapeError && error.message === message,
    );
  refuses(
    () => groupNorm(x, null, null, { groups: 4 }),
    "groupNorm: 6 channels of [2, 4, 4, 6] do not make 4 equal groups.",
  );
  refuses(
    () => groupNorm(x, gamma, null, { groups: 2 }),
    "groupNorm: gamma and beta must be two values, or both null.",
  );
  refuses(
    () => groupNorm(x, gamma, graph.input("b", [5]), { groups: 2 }),
    "groupNorm: input [2, 4, 4, 6] has 6 channels, so beta must be [6], got [5].",
  );
});

test.after(closeGpus);
test.run();
