/**
 * Fusion: a kernel does what the next one would do with its output, where nobody else needs that output.
 *
 * A rewrite of launches, as the operations themselves know nothing of each other. The bits are those of the two kernels.
 */
import type { Launch, Value } from "./value.ts";

/** A kernel that can do more with its results before it stores them. */
interface Open {
  readonly shader: string;
  readonly entry?: string;
  /** Binding of its results. */
  readonly output: string;
  /** The part it has as it is, and those that make room for another of shaders/after. */
  readonly part: string;
  readonly room: readonly string[];
}

const open: readonly Open[] = [
  {
    shader: "norm/batch-norm-forward",
    entry: "normalise",
    output: "result",
    part: "after/nothing",
    room: [],
  },
  { shader: "elementwise/sum", output: "y", part: "walk/pair", room: ["walk/pair-then"] },
];

/** Functions of one value that can be done before its results are stored, and the parts that do them. */
const functions: Readonly<Record<string, string>> = { "elementwise/relu": "after/relu" };

/** Puts functions of one value into the kernels that make it: batch norm or a sum, and the ReLU after it. */
export function fuse<T extends object = Launch>(
  given: readonly (Launch | T)[],
  keep: readonly Value[] = [],
): readonly (Launch | T)[] {
  const kept = new Set(keep);
  /** Numbers of the steps that have a value. */
  const users = new Map<Value, number[]>();
  for (const [index, step] of given.entries()) {
    if (!("shader" in step)) continue;
    for (const value of new Set(Object.values(step.bind))) {
      if (value !== null) users.set(value, [...(users.get(value) ?? []), index]);
    }
  }
  const steps: (Launch | T | undefined)[] = [...given];
  for (const [index, step] of given.entries()) {
    if (!("shader" in step) || step.entry !== "forward") continue;
    const after = functions[step.shader];
    const { x, y } = step.bind;
    if (after === undefined || x?.storage !== "planned" || y?.storage !== "planned") continue;
    const [maker, user, ...others] = users.get(x)!;
    const alone = user === index && others.length === 0 && !kept.has(x);
    // An output that was there before has other contents until here.
    if (!alone || maker === undefined || users.get(y)![0] !== index) continue;
    const fused = extended(steps[maker] as Launch, x, y, after, step.constants);
    if (fused === undefined) continue;
    steps[maker] = fused;
    steps[index] = undefined;
  }
  return steps.filter((step) => step !== undefined);
}

/** The launch that makes y of what another makes; undefined where its kernel has no room for it. */
function extended(
  launch: Launch,
  x: Value,
  y: Value,
  after: string,
  { SLOPE }: Launch["constants"],
): Launch | undefined {
  const { shader, entry, parts = [], constants, bind } = launch;
  const kernel = open.find((one) => one.shader === shader && one.entry === entry);
  if (kernel === undefined || bind[kernel.output] !== x || !parts.includes(kernel.part)) {
    return undefined;
  }
  return {
    ...launch,
    parts: [...parts.filter((part) => part !== kernel.part), ...kernel.room, after],
    constants: { ...constants, SLOPE: SLOPE! },
    bind: { ...bind, [kernel.output]: y },
  };
}
