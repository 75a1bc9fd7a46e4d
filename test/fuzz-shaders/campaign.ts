/** Random graphs against float64, as many as wanted: what was covered, and what failed. */
import fc from "fast-check";
import type { Gpu } from "../../src/gpu/device.ts";
import { type Checked, checkGraph } from "./check-graph.ts";
import { build, type Drawn, drawnGraphs } from "./graphs.ts";

/** Operations of a graph at most. */
const mostSteps = 6;

/** Settings of {@link fuzzShaders}. */
export interface FuzzOptions {
  readonly cases: number;
  readonly seed: number;
  /** Ends before all cases are done, after so many milliseconds. */
  readonly milliseconds?: number | undefined;
  /** Repeats one case: where a failure says it lies. */
  readonly path?: string | undefined;
  /** Devices of the tunings that each graph runs on; asked for before each case. */
  readonly gpus: (done: number) => Promise<readonly Gpu[]>;
  readonly onCase?: ((done: number) => void) | undefined;
}

/** A graph that failed, as small as it was found to fail. */
export interface Failure {
  readonly seed: number;
  readonly path: string;
  readonly operations: readonly string[];
  readonly graph: Drawn;
  readonly error: string;
}

/** What a run has found. */
export interface FuzzReport {
  readonly cases: number;
  readonly undecided: Readonly<Record<string, number>>;
  /** Cases by operation; a case counts once for each of its operations. */
  readonly operations: Readonly<Record<string, { readonly cases: number; readonly worst: number }>>;
  /** The largest error as a share of what was allowed. */
  readonly worst: number;
  readonly failures: readonly Failure[];
}

/** Failures after which a run ends: each takes the time of many cases to make small. */
const mostFailures = 5;

/** Checks random graphs. */
export async function fuzzShaders(options: FuzzOptions): Promise<FuzzReport> {
  const { cases, path, gpus, onCase, milliseconds } = options;
  const started = performance.now();
  const undecided = new Map<string, number>();
  const operations = new Map<string, { cases: number; worst: number }>();
  const failures: Failure[] = [];
  let [done, worst, failing] = [0, 0, false];
  const count = (checked: Checked): void => {
    done++;
    if (checked.undecided !== undefined) {
      undecided.set(checked.undecided, (undecided.get(checked.undecided) ?? 0) + 1);
    }
    worst = Math.max(worst, checked.worst);
    for (const name of checked.undecided === undefined ? new Set(checked.operations) : []) {
      const known = operations.get(name) ?? { cases: 0, worst: 0 };
      operations.set(name, {
        cases: known.cases + 1,
        worst: Math.max(known.worst, checked.worst),
      });
    }
    onCase?.(done);
  };
  const property = fc.asyncProperty(drawnGraphs(mostSteps), async (drawn) => {
    try {
      const checked = await checkGraph(
        (tuning) => build(drawn, tuning),
        drawn.seed,
        await gpus(done),
      );
      // What is tried to make a failure smaller is no case of its own.
      if (!failing) count(checked);
    } catch (error) {
      failing = true;
      throw error;
    }
  });
  for (let seed = options.seed; done < cases && failures.length < mostFailures; seed++) {
    failing = false;
    const result = await fc.check(property, {
      seed,
      numRuns: cases - done,
      ...(path === undefined ? {} : { path }),
      ...(milliseconds === undefined
        ? {}
        : { interruptAfterTimeLimit: Math.max(1, started + milliseconds - performance.now()) }),
    });
    if (!result.failed) break;
    done++;
    const [graph] = result.counterexample!;
    failures.push({
      seed: result.seed,
      path: result.counterexamplePath!,
      operations: build(graph, "software").graph.recorded.map(({ name }) => name),
      graph,
      error: String(result.errorInstance),
    });
    if (path !== undefined) break;
  }
  return {
    cases: done,
    undecided: Object.fromEntries(undecided),
    operations: Object.fromEntries(
      [...operations].sort(([, a], [, b]) => b.cases - a.cases || a.worst - b.worst),
    ),
    worst,
    failures,
  };
}
