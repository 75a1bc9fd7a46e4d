/** Launches of layer and group normalisation (shaders/norm/standardise): sets of elements by their own mean and variance. */
import type { Tuning } from "../../gpu/device.ts";
import type { BackwardContext, ForwardContext } from "../../graph/graph.ts";
import type { Launch, Value } from "../../graph/value.ts";
import { axisSum } from "./axis-sum.ts";
import { lanePart } from "./lanes.ts";
import { ceilDiv } from "./tiles.ts";

/** Threads that fill an adapter, and rows a thread adds at least, in the sums over rows. */
const wantedThreads = { software: 1024, gpu: 32_768 } as const;
const shortest = 16;

/** How the elements of x are divided into sets, and which shader says so. */
export interface Sets {
  readonly shader: string;
  readonly constants: Launch["constants"];
  /** Sets of x, and channels of x. */
  readonly sets: number;
  readonly channels: number;
  /** Neighbouring channels of a set come in fours. */
  readonly vec4: boolean;
  /** Threads of a set where a team takes it, 1 where a thread does. */
  readonly team: number;
  /** Words of the shader's uniform, where sums over rows are cut into so many slices of so many rows. */
  sizes(slices: number, span: number): Uint32Array<ArrayBuffer>;
}

/** A launch but for its bindings and its grid. */
function kernel(
  sets: Sets,
  entry: string,
  { TEAM, slices, span }: { TEAM: number; slices: number; span: number },
): Pick<Launch, "shader" | "parts" | "entry" | "constants" | "uniforms"> {
  const { shader, constants, vec4, sizes } = sets;
  return {
    shader,
    parts: [lanePart(vec4), TEAM > 1 ? "norm/team" : "norm/alone"],
    entry,
    constants: { ...constants, TEAM },
    uniforms: { sizes: sizes(slices, span) },
  };
}

/** A launch of an entry that gives each set to a team. */
function ofSets(sets: Sets, entry: string, bind: Launch["bind"], flop: number): Launch {
  const { team: TEAM, sets: count } = sets;
  const whole = { TEAM, slices: 1, span: 1 };
  return { ...kernel(sets, entry, whole), bind, threads: count * TEAM, flop };
}

/** Launches of y, and of the mean and inverse deviation of each set, which `saved` keeps as `stats`. */
export function standardise(
  sets: Sets,
  { inputs: [x, gamma, beta], y, saved }: Pick<ForwardContext<unknown>, "inputs" | "y" | "saved">,
): Launch[] {
  const bind = { x: x!, gamma: gamma ?? null, beta: beta ?? null, y, stats_out: saved["stats"]! };
  return [ofSets(sets, "forward", bind, 8 * x!.size)];
}

/** Sums of dy x^ and of dy over the rows of each channel. */
function sums(
  tuning: Tuning,
  sets: Sets,
  bind: { readonly x: Value; readonly dy: Value; readonly stats: Value },
  [dgamma, dbeta]: readonly (Value | null)[],
  scratch: ForwardContext<unknown>["scratch"],
): Launch[] {
  const { channels, vec4 } = sets;
  const lanes = vec4 ? channels / 4 : channels;
  const rows = bind.x.size / channels;
  const span = Math.max(shortest, ceilDiv(rows * lanes, wantedThreads[tuning]));
  const slices = ceilDiv(rows, span);
  const partial_gamma = scratch("partial gamma", [slices, channels]);
  const partial_beta = scratch("partial beta", [slices, channels]);
  const all = { outer: 1, axis: slices, inner: channels };
  return [
    {
      ...kernel(sets, "sums", { TEAM: 1, slices, span }),
      bind: { ...bind, partial_gamma, partial_beta },
      threads: slices * lanes,
      flop: 5 * bind.x.size,
    },
    ...(dgamma ? axisSum(tuning, partial_gamma, dgamma, all, scratch) : []),
    ...(dbeta ? axisSum(tuning, partial_beta, dbeta, all, scratch) : []),
  ];
}

/** Launches of the gradients that are asked for. */
export function standardiseGradients(
  sets: Sets,
  given: Omit<BackwardContext<unknown>, "attrs" | "y">,
): Launch[] {
  const { inputs, saved, dy, dinputs, tuning, scratch } = given;
  const [x, gamma] = [inputs[0]!, inputs[1] ?? null];
  const [dx = null, dgamma = null, dbeta = null] = dinputs;
  const stats = saved["stats"]!;
  const launches: Launch[] = [];
  if (dgamma !== null || dbeta !== null) {
    launches.push(...sums(tuning, sets, { x, dy, stats }, [dgamma, dbeta], scratch));
  }
  if (dx !== null) {
    launches.push(ofSets(sets, "input_gradient", { x, dy, gamma, stats, dx }, 12 * x.size));
  }
  return launches;
}
