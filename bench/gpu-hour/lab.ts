/** The kernels of the lab, from the naive one to the engine's. */
import { drawn, makersOf } from "../lab.bench.ts";
import { valuesOf } from "../lab/problems.ts";
import { roads } from "../lab/roads.ts";
import { sample } from "./sample.ts";
import type { Stage } from "./stage.ts";
import { round } from "./timed.ts";

export const lab: Stage = {
  name: "lab",
  decides: "what each step from a naive kernel to the engine's is worth on a GPU",
  share: 0.04,
  tasks({ gpu, tiny, kept }) {
    return Promise.resolve(
      roads.flatMap((road) => {
        const problem = road.problems[tiny ? "test" : "gpu"];
        const key = `lab ${road.name}`;
        // Tens of millions of numbers: drawn once for all rows of a road.
        const values = (): Promise<Float32Array[]> => {
          const found = kept.get(key) as Promise<Float32Array[]> | undefined;
          const own = found ?? Promise.resolve(valuesOf(problem, drawn(1)));
          kept.set(key, own);
          return own;
        };
        const makers = makersOf(gpu, road);
        return (tiny ? makers.slice(0, 2) : makers).map(({ name, make }) => ({
          name: `${road.name}: ${name}`,
          async run({ gpu, effort }) {
            const maker = await make(gpu, problem, await values());
            try {
              const { ms, low, high } = await sample(
                gpu,
                (times) => {
                  for (let i = 0; i < times; i++) maker.run();
                },
                effort,
              );
              return {
                ...{ ms: round(ms), low: round(low), high: round(high) },
                "GFLOP/s": round(problem.flop / ms / 1e6),
              };
            } finally {
              maker.free();
            }
          },
        }));
      }),
    );
  },
};
