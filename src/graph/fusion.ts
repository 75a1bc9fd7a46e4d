/**
 * Fusion: a kernel does what the next one would do with its output, or the one before it with its input, where nobody
 * else needs that value.
 *
 * A rewrite of launches, as the operations themselves know nothing of each other. The bits are those of the two kernels;
 * only where a compiler rounds the same sum differently in two kernels may an output of batch norm within that rounding
 * of 0 count as positive in one and not in the other.
 */
import { sameShape } from "../shape.ts";
import { foldGroups } from "./grid.ts";
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
  ...["gemm/product", "conv2d/forward"].map((shader) => ({
    ...{ shader, output: "c", part: "after/nothing", room: [] },
  })),
];

/** Functions whose kernels can do what a product does with its results, or with a gradient, before it stores them. */
const functions: readonly string[] = ["gelu", "silu", "tanh"].map((name) => `elementwise/${name}`);

/**
 * Puts functions of one value into the kernels that make it, and their gradients into those that take them: batch norm,
 * a sum or a product, and the ReLU after it; a product and another function after it, which stores what the function's
 * gradient needs as well; a product that makes the gradient of a function's output, and that of its input; a product
 * that ends the branch of a residual block, with its scale, its dropout and the sum, or that makes the second of two
 * gradients; a pooling and the ReLU before it, which may as well come after it; a convolution and the pooling after it;
 * the sum of two gradients into the gradient that takes it; products into their sum over an axis; and two sums over
 * slices, one after the other, into one launch.
 *
 * @param keep values that must be there in the end.
 */
export function fuse<T extends object = Launch>(
  given: readonly (Launch | T)[],
  keep: readonly Value[] = [],
): readonly (Launch | T)[] {
  const kept = new Set(keep);
  const steps: (Launch | T | undefined)[] = [...given];
  for (const pass of [
    ...[fuseReluAndPool, fuseProductAndPool, fuseRelu, fuseFunctions],
    ...[fuseGradients, fuseProductAndGradient, fuseSums, fuseProductAndSum, fuseSumOfProducts],
    pairSums,
  ])
    pass(steps, usersOf(steps), kept);
  return steps.filter((step) => step !== undefined);
}

/** Numbers of the steps that have a value. */
type Users = ReadonlyMap<Value, readonly number[]>;

function usersOf(steps: readonly (object | undefined)[]): Users {
  const users = new Map<Value, number[]>();
  for (const [index, step] of steps.entries()) {
    for (const value of new Set(Object.values(bindOf(step)))) {
      if (value !== null) users.set(value, [...(users.get(value) ?? []), index]);
    }
  }
  return users;
}

const bindOf = (step: object | undefined): Launch["bind"] => (isLaunch(step) ? step.bind : {});

const flopOf = ({ flop = 0 }: Launch): number => flop;

const isLaunch = (step: object | undefined): step is Launch =>
  step !== undefined && "shader" in step;

function fuseRelu(steps: (object | undefined)[], users: Users, wanted: ReadonlySet<Value>): void {
  for (const [index, step] of steps.entries()) {
    if (!isLaunch(step) || step.shader !== "elementwise/relu" || step.entry !== "forward") continue;
    const { x, y } = step.bind;
    if (x?.storage !== "planned" || y?.storage !== "planned") continue;
    const [maker, user, ...others] = users.get(x)!;
    const alone = user === index && others.length === 0 && !wanted.has(x);
    // An output that was there before has other contents until here.
    if (!alone || maker === undefined || users.get(y)![0] !== index) continue;
    const fused = extended(steps[maker] as Launch, step, x, y);
    if (fused === undefined) continue;
    steps[maker] = fused;
    steps[index] = undefined;
  }
}

/** Functions after a product, which stores what they are a function of only where others read it. */
function fuseFunctions(
  steps: (object | undefined)[],
  users: Users,
  wanted: ReadonlySet<Value>,
): void {
  for (const [index, step] of steps.entries()) {
    if (!isLaunch(step) || step.entry !== "forward" || !functions.includes(step.shader)) continue;
    const { x, y } = step.bind;
    if (x?.storage !== "planned" || y?.storage !== "planned") continue;
    const [maker, first, ...others] = users.get(x)!;
    const product = steps[maker!];
    // An output that was there before has other contents until here.
    if (first !== index || users.get(y)![0] !== index || !storesQuads(product, x)) continue;
    if (wanted.has(x)) continue;
    const kept = others.length > 0;
    steps[maker!] = {
      ...withAfter(product, step, kept ? "after/function-kept" : "after/function"),
      bind: { ...product.bind, [quadsOf(product)!]: y, ...(kept ? { before: x } : {}) },
    };
    steps[index] = undefined;
  }
}

/** Gradients of functions that a product's results arrive at alone. */
function fuseProductAndGradient(
  steps: (object | undefined)[],
  users: Users,
  wanted: ReadonlySet<Value>,
): void {
  for (const [index, step] of steps.entries()) {
    if (!isLaunch(step) || step.parts?.includes("walk/backward") !== true) continue;
    if (![...functions, "elementwise/relu"].includes(step.shader)) continue;
    const { at, dy, dx } = step.bind;
    if (at?.storage !== "planned" || dy?.storage !== "planned" || wanted.has(dy)) continue;
    const [maker, user, ...others] = users.get(dy)!;
    const product = steps[maker!];
    if (user !== index || others.length > 0 || !storesQuads(product, dy)) continue;
    // What it is taken at has to be there when the product is made, and nothing else in the output.
    const ready = users.get(at)![0]! < maker!;
    if (!ready || dx?.storage !== "planned" || users.get(dx)![0] !== index) continue;
    steps[maker!] = {
      ...withAfter(product, step, "after/past-function"),
      bind: { ...product.bind, [quadsOf(product)!]: dx, taken_at: at },
    };
    steps[index] = undefined;
  }
}

/** What a value came through before it is added: its maker and what it was then, from a product on. */
interface Branch {
  readonly at: number;
  readonly product: Launch;
  /** Scale of its columns, and its dropout, where it has them. */
  readonly scale: number | undefined;
  readonly drop: number | undefined;
}

/** Sums of what was there before and what a product makes. */
function fuseProductAndSum(
  steps: (object | undefined)[],
  users: Users,
  wanted: ReadonlySet<Value>,
): void {
  for (const [index, step] of steps.entries()) {
    if (!isLaunch(step) || step.shader !== "elementwise/sum") continue;
    const { a, b, y } = step.bind;
    if (step.parts?.includes("walk/pair") !== true || a == null || b == null || a === b) continue;
    if (y?.storage !== "planned" || users.get(y)![0] !== index) continue;
    for (const [value, residual] of [
      [b, a],
      [a, b],
    ] as const) {
      const branch = branchTo(value, index, steps, users, wanted);
      const ready = residual.storage === "planned" && users.get(residual)![0]!;
      if (branch === undefined || ready === false || ready >= branch.at) continue;
      const { product, scale, drop } = branch;
      const [scaling, dropping] = [scale, drop].map((at) =>
        at === undefined ? undefined : (steps[at] as Launch),
      );
      const output = quadsOf(product)!;
      const scaled = product.bind[output]!;
      // Its gradient needs what was scaled.
      const kept = scaling !== undefined && users.get(scaled)!.length > 2;
      const { a: column, b: other } = scaling?.bind ?? {};
      steps[branch.at] = {
        ...product,
        parts: [
          ...product.parts!.filter((part) => part !== "after/nothing"),
          "after/sum",
          ...[`after/${scaling === undefined ? "unscaled" : kept ? "scaled-kept" : "scaled"}`],
          ...[`after/${dropping === undefined ? "undropped" : "dropped"}`],
        ],
        constants: {
          ...product.constants,
          ...(dropping === undefined ? {} : { EXAMPLES: dropping.constants["EXAMPLES"]! }),
        },
        uniforms: {
          ...product.uniforms,
          ...(dropping === undefined ? {} : { draw: dropping.uniforms!["draw"]! }),
        },
        bind: {
          ...product.bind,
          ...{ [output]: y, residual },
          ...(kept ? { before: scaled } : {}),
          ...(scaling === undefined ? {} : { column_scale: (column === scaled ? other : column)! }),
          ...(dropping === undefined ? {} : { step: dropping.bind["step"]! }),
        },
        flop: [product, scaling, dropping, step].reduce(
          (sum, one) => sum + (one === undefined ? 0 : flopOf(one)),
          0,
        ),
      };
      for (const at of [scale, drop, index]) if (at !== undefined) steps[at] = undefined;
      break;
    }
  }
}

/** What leads from a product to a value that only step `index` reads; undefined where nothing of that kind does. */
function branchTo(
  value: Value,
  index: number,
  steps: readonly (object | undefined)[],
  users: Users,
  wanted: ReadonlySet<Value>,
): Branch | undefined {
  let [made, reader] = [value, index];
  /** Whose value it is, where the reader is the first to read it, or the only one. */
  const maker = (alone: boolean): number | undefined => {
    const [at, first, ...others] = users.get(made)!;
    const free = made.storage === "planned" && !wanted.has(made);
    return free && first === reader && (!alone || others.length === 0) ? at : undefined;
  };
  const launchAt = (at: number | undefined): Launch | undefined => {
    const step = at === undefined ? undefined : steps[at];
    return isLaunch(step) ? step : undefined;
  };
  let at = maker(true);
  let drop: number | undefined;
  const dropout = launchAt(at);
  if (dropout?.shader === "elementwise/dropout") {
    drop = at;
    [made, reader] = [dropout.bind["x"]!, at!];
    at = maker(true);
  }
  let scale: number | undefined;
  const before = scaledBy(launchAt(at), made);
  if (before !== undefined) {
    scale = at;
    [made, reader] = [before, at!];
    at = maker(false);
  }
  const product = launchAt(at);
  // A scale by columns takes the sizes of a product.
  const fits = storesQuads(product, made) && (scale === undefined || quadsOf(product) === "c");
  return fits ? { at: at!, product, scale, drop } : undefined;
}

/** What a launch scales column by column to make y; undefined for any other. */
function scaledBy(launch: Launch | undefined, { shape }: Value): Value | undefined {
  if (launch === undefined) return undefined;
  const { shader, parts, bind } = launch;
  const { a, b } = bind;
  const broadcast = shader === "elementwise/product" && parts?.includes("walk/broadcast") === true;
  if (!broadcast || a == null || b == null) return undefined;
  const columns = (scale: Value): boolean =>
    scale.size === shape.at(-1) && scale.shape.at(-1) === scale.size;
  if (columns(b) && sameShape(a.shape, shape)) return a;
  return columns(a) && sameShape(b.shape, shape) ? b : undefined;
}

/** Products of two values of one shape that only a sum over an axis reads. */
function fuseSumOfProducts(
  steps: (object | undefined)[],
  users: Users,
  wanted: ReadonlySet<Value>,
): void {
  for (const [index, step] of steps.entries()) {
    if (!isLaunch(step) || step.parts?.includes("reduce/as-stored") !== true) continue;
    const { x, ...others } = step.bind;
    if (x?.storage !== "planned" || wanted.has(x)) continue;
    const [maker, user, ...more] = users.get(x)!;
    const product = steps[maker!];
    if (user !== index || more.length > 0 || !isLaunch(product)) continue;
    if (product.shader !== "elementwise/product" || product.parts?.includes("walk/pair") !== true)
      continue;
    const { a = null, b = null } = product.bind;
    steps[index] = {
      ...step,
      parts: step.parts.map((part) => (part === "reduce/as-stored" ? "reduce/of-product" : part)),
      bind: { ...others, a, b },
      flop: flopOf(step) + flopOf(product),
    };
    steps[maker!] = undefined;
  }
}

/**
 * Sums over slices of one kernel that follow each other, on GPUs, where each costs a launch and little else. As with all
 * rewrites, who keeps every value gets the kernels one by one.
 */
function pairSums(steps: (object | undefined)[], _: Users, wanted: ReadonlySet<Value>): void {
  let last: number | undefined;
  for (const [index, step] of steps.entries()) {
    if (step === undefined) continue;
    const pair = last === undefined ? undefined : paired(steps[last], step, wanted);
    if (pair !== undefined) {
      steps[last!] = undefined;
      steps[index] = pair;
    }
    last = pair === undefined ? index : undefined;
  }
}

/** Two sums in one launch, to the same bits; undefined where they are others, or the second may need the first. */
function paired(
  first: object | undefined,
  second: object | undefined,
  wanted: ReadonlySet<Value>,
): Launch | undefined {
  if (!isLaunch(first) || !isLaunch(second) || first.shader !== second.shader) return undefined;
  const parts = first.parts ?? [];
  const band = first.shader === "reduce/column-bands";
  if (!band && !(first.shader === "reduce/axis-sum" && parts.includes("reduce/by-eight"))) {
    return undefined;
  }
  const alike =
    parts.join() === second.parts!.join() &&
    JSON.stringify(first.constants) === JSON.stringify(second.constants);
  const plain = ["reduce/as-stored", "reduce/alone"].every((part) => parts.includes(part));
  // What starts from a bias has bindings of its own.
  if (!alike || !plain || parts.includes("reduce/from-bias")) return undefined;
  const [{ x, y }, { x: x_too, y: y_too }] = [first.bind, second.bind];
  if (x?.storage !== "planned" || x_too?.storage !== "planned") return undefined;
  if (wanted.has(x) || wanted.has(x_too)) return undefined;
  if (y == null || y_too == null || x_too === y || y_too === x || y_too === y) return undefined;
  const [before, after] = [first, second].map(
    ({ groups, threads = 1 }) =>
      groups?.reduce((product, size) => product * size, 1) ?? Math.ceil(threads / 64),
  ) as [number, number];
  return {
    ...first,
    parts: [...parts.filter((part) => !/as-stored|alone/.test(part)), "reduce/beside"],
    uniforms: {
      ...first.uniforms,
      ...{ sizes_too: second.uniforms!["sizes"]!, before: Uint32Array.of(before) },
    },
    bind: { x, y, x_too, y_too },
    groups: foldGroups(before + after),
    flop: flopOf(first) + flopOf(second),
  };
}

/**
 * The binding of a launch's results, where it is a product or a depthwise convolution that stores them four by four and
 * does nothing with them before.
 */
function quadsOf({ shader, parts = [] }: Launch): "c" | "result" | undefined {
  if (!parts.includes("after/nothing")) return undefined;
  if (parts.includes("product/c-vec4")) return "c";
  return shader === "depthwise/correlate" && parts.includes("lane/vec4f") ? "result" : undefined;
}

/** Whether a step makes a value in such a way. */
function storesQuads(step: object | undefined, value: Value): step is Launch {
  const output = isLaunch(step) ? quadsOf(step) : undefined;
  return output !== undefined && (step as Launch).bind[output] === value;
}

/** A product with a function's kernel as a part that another one calls. */
function withAfter(product: Launch, step: Launch, after: string): Launch {
  const { parts = [], constants } = product;
  // How it walks over its elements is not asked for.
  const { PER: _, ...own } = step.constants;
  return {
    ...product,
    parts: [...parts.filter((part) => part !== "after/nothing"), after, step.shader],
    constants: { ...constants, ...own },
    flop: flopOf(product) + flopOf(step),
  };
}

/**
 * The largest of what a ReLU gives is what it gives of the largest, and the gradient goes to the same pixel or is 0: so
 * that a ReLU before max pooling is done after it, on as many values as there are windows.
 */
function fuseReluAndPool(
  steps: (object | undefined)[],
  users: Users,
  wanted: ReadonlySet<Value>,
): void {
  for (const [index, step] of steps.entries()) {
    if (!isLaunch(step) || step.shader !== "elementwise/relu" || step.entry !== "forward") continue;
    const { x, y } = step.bind;
    // With a slope, two numbers below 0 may become the same one, and the first of them would be another pixel.
    const alone = x?.storage === "planned" && y?.storage === "planned" && !wanted.has(y);
    if (!alone || step.constants["SLOPE"] !== 0) continue;
    const readers = users.get(y)!.filter((at) => at !== index);
    const [pool, back] = readers.map((at) => steps[at]);
    if (readers.length > 2 || readers.some((at) => at < index) || !isLaunch(pool)) continue;
    if (pool.shader !== "pool/max" || pool.entry !== "forward" || pool.bind["x"] !== y) continue;
    const changed = new Map<number, Launch | undefined>([
      [index, undefined],
      [readers[0]!, withRelu(pool, { x })],
    ]);
    if (readers.length === 2) {
      // The gradient of the ReLU, and that of the pooling before it, which nothing else reads.
      if (!isLaunch(back) || back.shader !== step.shader || back.entry !== "backward") continue;
      const { at, dy, dx } = back.bind;
      if (at !== y || dy?.storage !== "planned" || wanted.has(dy) || dx == null) continue;
      if (users.get(dx)![0] !== readers[1]) continue;
      const [first, second, ...others] = users.get(dy)!;
      const spread = steps[first!];
      if (second !== readers[1] || others.length > 0 || !isLaunch(spread)) continue;
      if (spread.shader !== "pool/max" || spread.bind["kept"] !== pool.bind["argmax"]) continue;
      changed.set(first!, withRelu(spread, { dx, made: pool.bind["y"]! }));
      changed.set(readers[1]!, undefined);
    }
    for (const [at, launch] of changed) steps[at] = launch;
  }
}

/** Max pooling with a ReLU after it, or its gradient past one. */
function withRelu(launch: Launch, bind: Launch["bind"]): Launch {
  const others = { "after/nothing": "after/relu", "pool/arriving": "pool/arriving-past-relu" };
  const part = (name: string): string => (others as Record<string, string>)[name] ?? name;
  return {
    ...launch,
    parts: [...new Set(launch.parts?.map(part))],
    constants: { ...launch.constants, SLOPE: 0 },
    bind: { ...launch.bind, ...bind },
    // An operation for each window.
    flop: flopOf(launch) + launch.bind["argmax" in launch.bind ? "y" : "dy"]!.size,
  };
}

/** A pooling of windows of 2 × 2 that tile the image, done before the convolution's results are stored. */
function fuseProductAndPool(
  steps: (object | undefined)[],
  users: Users,
  wanted: ReadonlySet<Value>,
): void {
  for (const [index, step] of steps.entries()) {
    if (!isLaunch(step) || step.shader !== "pool/max" || step.entry !== "forward") continue;
    const { SIZE, STRIDE, PAD, H, W } = step.constants as Record<string, number>;
    const { x, y, argmax } = step.bind;
    const tiles = SIZE === 2 && STRIDE === 2 && PAD === 0 && H! % 2 === 0 && W! % 2 === 0;
    if (!tiles || x?.storage !== "planned" || wanted.has(x)) continue;
    const [maker, reader, ...others] = users.get(x)!;
    const product = steps[maker!];
    if (reader !== index || others.length > 0 || !isLaunch(product)) continue;
    // Outputs that were there before have other contents until here.
    const fresh = (out: Value | null | undefined): out is Value =>
      out?.storage === "planned" && users.get(out)![0] === index;
    if (!fresh(y) || !fresh(argmax)) continue;
    if (product.shader !== "conv2d/forward" || product.bind["c"] !== x) continue;
    const { parts = [], constants, bind } = product;
    // Of what comes before the pooling there is no room for; columns go four by four.
    if (!parts.includes("after/nothing") || !parts.includes("product/c-vec4")) continue;
    const after = step.parts!.find((part) => part.startsWith("after/"))!;
    const part = (name: string): string => name.replace("product/rows-", "product/pool-");
    const { SLOPE } = step.constants;
    steps[maker!] = {
      ...product,
      shader: "conv2d/forward-pooled",
      parts: [...parts.filter((name) => name !== "after/nothing").map(part), after],
      constants: { ...constants, ...(SLOPE === undefined ? {} : { SLOPE }) },
      bind: { ...bind, c: y, argmax },
      flop: flopOf(product) + flopOf(step),
    };
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

/** The launch that makes a ReLU's y of the x that it makes; undefined where its kernel has no room for it. */
function extended(launch: Launch, next: Launch, x: Value, y: Value): Launch | undefined {
  const { shader, entry, parts = [], constants, bind } = launch;
  const kernel = open.find((one) => one.shader === shader && one.entry === entry);
  if (kernel === undefined || bind[kernel.output] !== x || !parts.includes(kernel.part)) {
    return undefined;
  }
  return {
    ...launch,
    parts: [...parts.filter((part) => part !== kernel.part), ...kernel.room, "after/relu"],
    constants: { ...constants, SLOPE: next.constants["SLOPE"]! },
    bind: { ...bind, [kernel.output]: y },
    flop: flopOf(launch) + flopOf(next),
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
