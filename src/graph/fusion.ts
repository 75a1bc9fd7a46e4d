/**
 * Fusion: a kernel does what the next one would do with its output, or the one before it with its input, where nobody
 * else needs that value.
 *
 * A rewrite of launches, as the operations themselves know nothing of each other. The bits are those of the two kernels;
 * only where a compiler rounds the same sum differently in two kernels may an output of batch norm within that rounding
 * of 0 count as positive in one and not in the other.
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

const normalisation: Open = {
  shader: "norm/batch-norm-forward",
  entry: "normalise",
  output: "result",
  part: "after/nothing",
  room: [],
};

const open: readonly Open[] = [
  normalisation,
  { shader: "elementwise/sum", output: "y", part: "walk/pair", room: ["walk/pair-then"] },
];

/** Functions of one value that can be done before its results are stored, and the parts that do them. */
const functions: Readonly<Record<string, string>> = { "elementwise/relu": "after/relu" };

/**
 * Puts functions of one value into the kernels that make it, and their gradients into those that take them: batch norm or
 * a sum, and the ReLU after it; and the sum of two gradients into the gradient that takes it.
 *
 * @param keep values that must be there in the end.
 */
export function fuse<T extends object = Launch>(
  given: readonly (Launch | T)[],
  keep: readonly Value[] = [],
): readonly (Launch | T)[] {
  const kept = new Set(keep);
  const steps: (Launch | T | undefined)[] = [...given];
  const users = usersOf(given);
  fuseFunctions(given, steps, users, kept);
  fuseGradients(steps, users, kept);
  fuseSums(steps, users, kept);
  return steps.filter((step) => step !== undefined);
}

/** Numbers of the steps that have a value. */
type Users = ReadonlyMap<Value, readonly number[]>;

function usersOf(given: readonly object[]): Users {
  const users = new Map<Value, number[]>();
  for (const [index, step] of given.entries()) {
    if (!isLaunch(step)) continue;
    for (const value of new Set(Object.values(step.bind))) {
      if (value !== null) users.set(value, [...(users.get(value) ?? []), index]);
    }
  }
  return users;
}

const bindOf = (step: object | undefined): Launch["bind"] => (isLaunch(step) ? step.bind : {});

const isLaunch = (step: object | undefined): step is Launch =>
  step !== undefined && "shader" in step;

function fuseFunctions<T extends object>(
  given: readonly (Launch | T)[],
  steps: (Launch | T | undefined)[],
  users: Users,
  kept: ReadonlySet<Value>,
): void {
  for (const [index, step] of given.entries()) {
    if (!isLaunch(step) || step.entry !== "forward") continue;
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
}

/** Gradients of a ReLU that only the gradients of the batch norm before it need are made where those read them. */
function fuseGradients(
  steps: (object | undefined)[],
  users: Users,
  wanted: ReadonlySet<Value>,
): void {
  for (const [index, step] of steps.entries()) {
    if (!isLaunch(step) || step.shader !== "elementwise/relu" || step.entry !== "backward")
      continue;
    const { at, dy, dx } = step.bind;
    if (at == null || dy == null || dx?.storage !== "planned" || wanted.has(dx)) continue;
    const [first, ...readers] = users.get(dx)!;
    const maker = steps.find(
      (one): one is Launch =>
        isLaunch(one) && one.shader === normalisation.shader && one.bind["result"] === at,
    );
    if (first !== index || maker?.parts?.includes("after/relu") !== true) continue;
    // What no reader has would have to be kept for it: frozen statistics need no x.
    const kept = readers.some((reader) => bindOf(steps[reader])["x"] === maker.bind["x"]);
    const changed = kept ? readers.map((reader) => pastRelu(steps[reader], maker, dx, dy)) : [];
    if (changed.length === 0 || changed.some((launch) => launch === undefined)) continue;
    for (const [i, reader] of readers.entries()) steps[reader] = changed[i];
    steps[index] = undefined;
  }
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

/** Two gradients that arrive at a function of one value are added where its own gradient is made. */
function fuseSums(steps: (object | undefined)[], users: Users, wanted: ReadonlySet<Value>): void {
  for (const [index, step] of steps.entries()) {
    if (!isLaunch(step) || step.parts?.includes("walk/backward") !== true) continue;
    const { dy, ...others } = step.bind;
    if (dy?.storage !== "planned" || wanted.has(dy)) continue;
    const [maker, user, ...more] = users.get(dy)!;
    const sum = steps[maker!];
    if (user !== index || more.length > 0 || !isLaunch(sum)) continue;
    if (sum.shader !== "elementwise/sum" || sum.parts?.includes("walk/pair") !== true) continue;
    const parts = step.parts.map((part) =>
      part === "walk/backward" ? "walk/backward-of-sum" : part,
    );
    const { a = null, b = null } = sum.bind;
    steps[index] = { ...step, parts, bind: { ...others, a, b } };
    steps[maker!] = undefined;
  }
}

/**
 * A gradient of batch norm that takes the gradient dy of what comes after its ReLU, in place of dx past it; undefined
 * where the launch is none, or of another batch norm than the forward launch.
 */
function pastRelu(
  launch: object | undefined,
  { bind: made, constants: { SLOPE } }: Launch,
  dx: Value,
  dy: Value,
): Launch | undefined {
  if (!isLaunch(launch) || launch.shader !== "norm/batch-norm-backward") return undefined;
  const { parts = [], constants, bind } = launch;
  const others = Object.entries(bind).some(([name, value]) => value === dx && name !== "dy");
  if (bind["dy"] !== dx || others || bind["stats"] !== made["stats"]) return undefined;
  const { x = null, gamma = null, beta = null } = made;
  return {
    ...launch,
    parts: [...parts.filter((part) => part !== "norm/arriving"), "norm/arriving-past-relu"],
    constants: { ...constants, SLOPE: SLOPE! },
    bind: { ...bind, dy, x, gamma, beta },
  };
}
