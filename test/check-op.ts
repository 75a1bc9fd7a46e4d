/**
 * Checks one operation against a float64 reference written in the test.
 *
 * Forward: every element against the reference. Backward: a random cotangent, and the gradient of each
 * input against central differences of the reference (step 1e-5 in float64, so that the measured
 * error is the kernel's own), on at most 48 elements an input. Outputs and gradients are filled with
 * NaN first, so an element nobody writes fails; a second replay must give the same bits.
 */
import * as assert from "uvu/assert";
import type { Gpu } from "../src/gpu/device.ts";
import { Graph } from "../src/graph/graph.ts";
import { compile } from "../src/graph/program.ts";
import type { DType, Value } from "../src/graph/value.ts";
import { count, type Shape } from "../src/shape.ts";
import { Random } from "../src/random.ts";
import { testGpu, tunings } from "./device.ts";

/** How an input is made. */
export interface InputSpec {
  readonly shape: Shape;
  /** Uniform range of random values; default [-1, 1]. */
  readonly range?: readonly [number, number];
  readonly dtype?: DType;
  /** Own values instead of random ones. */
  readonly make?: (random: Random, size: number) => ArrayLike<number>;
  /** False where the operation has no gradient for this input. */
  readonly gradient?: boolean;
}

/** One shape of one operation. */
export interface OpCase {
  readonly label: string;
  readonly inputs: readonly InputSpec[];
  build(graph: Graph, inputs: readonly Value[]): Value;
  /** The operation in float64: inputs flattened, output flattened. */
  reference(inputs: readonly Float64Array[]): ArrayLike<number>;
  /** Largest |got - want| allowed: absolute + relative · |want|. State the reason where it is set. */
  readonly tolerance: { absolute: number; relative: number };
  /** Seeds to run; default 5. */
  readonly seeds?: number;
}

/** Runs a case in both tunings over its seeds. */
export async function checkOp(testCase: OpCase): Promise<void> {
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    await checkOn(gpu, testCase, `${testCase.label} (${tuning})`);
  }
}

async function checkOn(gpu: Gpu, testCase: OpCase, label: string): Promise<void> {
  const graph = new Graph(gpu.tuning);
  const inputs = testCase.inputs.map((spec, i) => graph.input(`x${i}`, spec.shape, spec.dtype));
  const y = testCase.build(graph, inputs);
  const wrt = inputs.filter((_, i) => differentiable(testCase.inputs[i]!));
  const cotangent = graph.input("cotangent", y.shape);
  const targets = new Map(wrt.map((value) => [value, graph.input(`d${value.label}`, value.shape)]));
  const gradients = wrt.length === 0 ? [] : graph.backward(y, wrt, { cotangent, targets }).launches;

  const bound = [...inputs, cotangent, ...targets.values()];
  const buffers = await gpu.allocate(Object.fromEntries(bound.map((v, i) => [`${i}`, v.bytes])));
  const bindings = new Map(
    bound.map((value, i) => [value, { buffer: buffers[`${i}`]!, offset: 0, size: value.bytes }]),
  );
  const program = await compile(gpu, [...graph.forward(), ...gradients], {
    label,
    bindings,
    keep: [y],
  });
  const results = [y, ...targets.values()];
  const run = async (): Promise<Float32Array[]> => {
    for (const value of results) {
      gpu.write(program.view(value).buffer, new Float32Array(value.size).fill(Number.NaN));
    }
    program.run();
    const parts = await gpu.read(...results.map((value) => program.view(value)));
    return parts.map((bytes) => new Float32Array(bytes));
  };
  for (let seed = 1; seed <= (testCase.seeds ?? 5); seed++) {
    const random = new Random(seed);
    const values = testCase.inputs.map((spec) => makeInput(spec, random));
    const c = Float64Array.from({ length: y.size }, () => Math.fround(2 * random.float() - 1));
    inputs.forEach((value, i) => {
      const data =
        value.dtype === "u32" ? Uint32Array.from(values[i]!) : Float32Array.from(values[i]!);
      gpu.write(bindings.get(value)!.buffer, data);
    });
    gpu.write(bindings.get(cotangent)!.buffer, Float32Array.from(c));
    const got = await run();
    const want = testCase.reference(values);
    assert.is(want.length, y.size, `${label}: the reference has the output's size`);
    close(`${label} seed ${seed} forward`, got[0]!, want, testCase.tolerance);
    let at = 0;
    testCase.inputs.forEach((spec, i) => {
      if (!differentiable(spec)) return;
      const gradient = got[1 + at++]!;
      checkGradient(
        `${label} seed ${seed} gradient of input ${i}`,
        gradient,
        values,
        i,
        c,
        testCase,
        random,
      );
    });
    if (seed === 1) {
      const again = await run();
      again.forEach((part, i) => {
        assert.equal(
          new Uint32Array(part.buffer),
          new Uint32Array(got[i]!.buffer),
          `${label}: same bits twice`,
        );
      });
    }
  }
  program.destroy();
  gpu.free(...Object.values(buffers));
}

function differentiable(spec: InputSpec): boolean {
  return spec.gradient !== false && spec.dtype !== "u32";
}

function makeInput(spec: InputSpec, random: Random): Float64Array {
  const size = count(spec.shape);
  if (spec.make !== undefined) return Float64Array.from(spec.make(random, size), Math.fround);
  const [low, high] = spec.range ?? [-1, 1];
  return Float64Array.from({ length: size }, () =>
    Math.fround(low + (high - low) * random.float()),
  );
}

function checkGradient(
  label: string,
  gradient: Float32Array,
  values: readonly Float64Array[],
  input: number,
  cotangent: Float64Array,
  testCase: OpCase,
  random: Random,
): void {
  const x = values[input]!;
  const step = 1e-5;
  const dot = (moved: number, at: number): number => {
    const copy = Float64Array.from(x);
    copy[at] = moved;
    const y = testCase.reference(values.map((other, i) => (i === input ? copy : other)));
    return cotangent.reduce((sum, c, i) => sum + c * y[i]!, 0);
  };
  const order = random.permutation(x.length).slice(0, 48);
  const want = Array.from(
    order,
    (at) => (dot(x[at]! + step, at) - dot(x[at]! - step, at)) / (2 * step),
  );
  close(
    label,
    Array.from(order, (at) => gradient[at]!),
    want,
    testCase.tolerance,
  );
  assert.ok(gradient.every(Number.isFinite), `${label}: every element is written and finite`);
}

/** Asserts |got - want| <= absolute + relative |want| everywhere; lists the first mismatches. */
export function close(
  label: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: { absolute: number; relative: number },
): void {
  assert.is(got.length, want.length, `${label}: length`);
  const wrong: string[] = [];
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!);
    const allowed = tolerance.absolute + tolerance.relative * Math.abs(want[i]!);
    worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
    if (!(error <= allowed) && wrong.length < 5) wrong.push(`[${i}] got ${got[i]} want ${want[i]}`);
  }
  assert.ok(wrong.length === 0, `${label}: ${wrong.join("; ")}; largest error ${worst}`);
}
