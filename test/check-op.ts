/**
 * Checks one operation against a float64 reference written in the test.
 *
 * Forward: every element against the reference. Backward: a random cotangent, and the gradient of each
 * input against central differences of the reference (step 1e-5 in float64, so that the measured
 * error is the kernel's own), on at most 48 elements an input. Outputs and gradients are filled with
 * NaN first, so an element nobody writes fails; a second replay must give the same bits.
 */
import * as assert from "uvu/assert";
import type { Gpu, Tuning } from "../src/gpu/device.ts";
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
  build(inputs: readonly Value[]): Value;
  /** The operation in float64: inputs flattened, output flattened. */
  reference(inputs: readonly Float64Array[]): ArrayLike<number>;
  /** Largest |got - want| allowed: absolute + relative · |want|. State the reason where it is set. */
  readonly tolerance: { absolute: number; relative: number };
  /** Seeds to run; default 5. */
  readonly seeds?: number;
}

/** What the reference says of one seed: the same in every tuning, and made once. */
interface Expected {
  readonly values: readonly Float64Array[];
  readonly cotangent: Float64Array;
  readonly output: ArrayLike<number>;
  /** By input with a gradient: the elements checked, and what they should be. */
  readonly gradients: readonly {
    readonly input: number;
    readonly order: Uint32Array;
    readonly want: Float64Array;
  }[];
}

/** Runs a case in both tunings, or in those given, over its seeds. */
export async function checkOp(testCase: OpCase, on: readonly Tuning[] = tunings): Promise<void> {
  const known = new Map<number, Expected>();
  for (const tuning of on) {
    const gpu = await testGpu({ tuning });
    await checkOn(gpu, testCase, `${testCase.label} (${tuning})`, known);
  }
}

async function checkOn(
  gpu: Gpu,
  testCase: OpCase,
  label: string,
  known: Map<number, Expected>,
): Promise<void> {
  const { y, run, destroy } = await recordOp(gpu, testCase, label);
  for (let seed = 1; seed <= (testCase.seeds ?? 5); seed++) {
    const expected = known.get(seed) ?? expect(testCase, y.size, seed);
    known.set(seed, expected);
    const given = [...expected.values, expected.cotangent];
    const got = await run(given);
    assert.is(expected.output.length, y.size, `${label}: the reference has the output's size`);
    close(`${label} seed ${seed} forward`, got[0]!, expected.output, testCase.tolerance);
    expected.gradients.forEach(({ input, order, want }, at) => {
      const gradient = got[1 + at]!;
      const name = `${label} seed ${seed} gradient of input ${input}`;
      const checked = Array.from(order, (element) => gradient[element]!);
      close(name, checked, want, testCase.tolerance);
      assert.ok(gradient.every(Number.isFinite), `${name}: every element is written and finite`);
    });
    if (seed === 1) {
      const again = await run(given);
      again.forEach((part, i) => {
        assert.equal(
          new Uint32Array(part.buffer),
          new Uint32Array(got[i]!.buffer),
          `${label}: same bits twice`,
        );
      });
    }
  }
  destroy();
}

/** An operation as a program, forward and backward in the inputs that have a gradient. */
export async function recordOp(
  gpu: Gpu,
  { inputs: specs, build }: Pick<OpCase, "inputs" | "build">,
  label: string,
): Promise<{
  readonly y: Value;
  /**
   * Runs it on values of the inputs and, last, a cotangent.
   *
   * @returns the output, and the gradient of each input that has one; NaN where nothing was written.
   */
  run(values: readonly ArrayLike<number>[]): Promise<Float32Array[]>;
  destroy(): void;
}> {
  const graph = new Graph(gpu);
  const inputs = specs.map((spec, i) => graph.input(`x${i}`, spec.shape, spec.dtype));
  const y = build(inputs);
  const wrt = inputs.filter((_, i) => differentiable(specs[i]!));
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
  return {
    y,
    async run(values) {
      for (const [i, value] of [...inputs, cotangent].entries()) {
        const data = values[i]!;
        const typed = value.dtype === "u32" ? Uint32Array.from(data) : Float32Array.from(data);
        gpu.write(bindings.get(value)!.buffer, typed);
      }
      for (const value of results) {
        gpu.write(program.view(value).buffer, new Float32Array(value.size).fill(Number.NaN));
      }
      program.run();
      const parts = await gpu.read(...results.map((value) => program.view(value)));
      return parts.map((bytes) => new Float32Array(bytes));
    },
    destroy() {
      program.destroy();
      gpu.free(...Object.values(buffers));
    },
  };
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

function expect(testCase: OpCase, outputs: number, seed: number): Expected {
  const random = new Random(seed);
  const values = testCase.inputs.map((spec) => makeInput(spec, random));
  const cotangent = Float64Array.from({ length: outputs }, () =>
    Math.fround(2 * random.float() - 1),
  );
  const output = testCase.reference(values);
  const step = 1e-5;
  const gradients = testCase.inputs.flatMap((spec, input) => {
    if (!differentiable(spec)) return [];
    const x = values[input]!;
    const dot = (moved: number, at: number): number => {
      const copy = Float64Array.from(x);
      copy[at] = moved;
      const y = testCase.reference(values.map((other, i) => (i === input ? copy : other)));
      return cotangent.reduce((sum, c, i) => sum + c * y[i]!, 0);
    };
    const order = random.permutation(x.length).slice(0, 48);
    const want = Float64Array.from(
      order,
      (at) => (dot(x[at]! + step, at) - dot(x[at]! - step, at)) / (2 * step),
    );
    return [{ input, order, want }];
  });
  return { values, cotangent, output, gradients };
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
