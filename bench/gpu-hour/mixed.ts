/** Mixed precision: products of halves on matrix units, square and in whole steps. */
import { acquireDevice, type Gpu } from "../../src/gpu/device.ts";
import { fitsWorkgroup, type MatrixTile, matrixTiles } from "../../src/gpu/matrices.ts";
import { Bound } from "../../src/graph/bound.ts";
import { inMatrixTile } from "../../src/graph/product-matrices.ts";
import { compile } from "../../src/graph/program.ts";
import type { Launch } from "../../src/graph/value.ts";
import { Random } from "../../src/random.ts";
import { stepName } from "../networks.ts";
import { rewindTask } from "./rewinds.ts";
import type { Figures } from "./rows.ts";
import type { Context, Stage, Task } from "./stage.ts";
import { square, stepsOf, stepTask } from "./steps.ts";
import { round, timed } from "./timed.ts";

/** A task on a device of its own in another precision; without the matrix units of `mixed` the row says why. */
export function onPrecision(precision: "fast" | "mixed", task: Task): Task {
  return {
    name: task.name,
    async run(context) {
      const { software, tuning } = context.gpu.adapter;
      const emulated = context.tiny && tuning === "gpu";
      const gpu = await acquireDevice({
        ...{ adapter: software ? "software" : "gpu", precision, tuned: false },
        ...(precision === "fast" ? { tuning } : { matrices: emulated ? "emulated" : "adapter" }),
      });
      try {
        return await task.run({ ...context, gpu });
      } finally {
        gpu.close();
      }
    },
  };
}

const onMatrices = (task: Task): Task => onPrecision("mixed", task);

const tileName = ({ BM, BN, WG }: MatrixTile): string => `${BM}×${BN} by ${WG / 32} subgroups`;

/** A square product in every tile. */
function tiles(n: number): Task {
  return onMatrices({
    name: `${n}³ in every tile`,
    async run(context) {
      const figures: Record<string, number> = {};
      const all = matrixTiles.filter((tile) => fitsWorkgroup(context.gpu, tile));
      for (const tile of context.tiny ? all.slice(-1) : all) {
        const { "GFLOP/s": speed } = await timed(context, [
          inMatrixTile(context.gpu, square(n, undefined), tile),
        ]);
        figures[`GFLOP/s, ${tileName(tile)}`] = speed!;
      }
      return figures;
    },
  });
}

/** What a launch makes of two factors. */
async function made(
  gpu: Gpu,
  launch: Launch,
  factors: readonly Float32Array[],
): Promise<Float32Array> {
  using bound = new Bound();
  const bind: Record<string, Launch["bind"][string]> = { ...launch.bind };
  for (const [i, name] of (["a", "b"] as const).entries()) {
    bind[name] = await bound.upload(gpu, name, factors[i]!, launch.bind[name]!.shape);
  }
  const c = await bound.zeros(gpu, "c", launch.bind["c"]!.shape);
  using program = await compile(gpu, [{ ...launch, bind: { ...bind, c } }], {
    ...{ label: "errors", bindings: bound.bindings },
  });
  program.run();
  return gpu.readFloats(program.view(c));
}

/** Root mean square of the errors of a product, as a share of the product's own, in halves and in float32. */
function errors(n: number): Task {
  return onMatrices({
    name: `errors of ${n}³`,
    async run({ gpu }): Promise<Figures> {
      const random = new Random(7);
      const [a, b] = [0, 1].map(() => Float32Array.from({ length: n * n }, () => random.normal()));
      const launch = square(n, undefined);
      const halves = await made(gpu, { ...launch, halves: true }, [a!, b!]);
      const floats = await made(gpu, launch, [a!, b!]);
      let [ofHalves, ofFloats, norm] = [0, 0, 0];
      for (let checked = 0; checked < 2000; checked++) {
        const [row, col] = [random.int(n), random.int(n)];
        let want = 0;
        for (let k = 0; k < n; k++) want += a![row * n + k]! * b![k * n + col]!;
        ofHalves += (halves[row * n + col]! - want) ** 2;
        ofFloats += (floats[row * n + col]! - want) ** 2;
        norm += want ** 2;
      }
      return {
        "halves, 1e-9": round(1e9 * Math.sqrt(ofHalves / norm)),
        "float32, 1e-9": round(1e9 * Math.sqrt(ofFloats / norm)),
      };
    },
  });
}

export const mixed: Stage = {
  name: "mixed",
  decides: "whether matrix units multiply rightly, how fast in which tile, and what a step gains",
  share: 0.1,
  tasks(context: Context) {
    if (context.gpu.tuning !== "gpu") return Promise.resolve([]);
    const sizes = context.tiny ? [64] : [4096, 8192, 1024];
    return Promise.resolve([
      ...sizes.slice(0, 1).map(tiles),
      ...stepsOf(context).map((step) => onMatrices(stepTask(step, `${stepName(step)}, mixed`))),
      ...sizes.slice(1).map(tiles),
      onMatrices(rewindTask("InvWNN", context.tiny ? 1024 : 11_200_000)),
      errors(context.tiny ? 40 : 1024),
    ]);
  },
};
