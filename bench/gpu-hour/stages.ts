/** The stages of a GPU hour, the most valuable first. */
import { Profiler, summarise } from "../../src/gpu/profile.ts";
import { elementwise } from "../../src/graph/elementwise.ts";
import {
  variantTiles,
  fitsTile,
  gpuTiles,
  retile,
  tileName,
  tileOf,
} from "../../src/graph/product-tiles.ts";
import { type Launch, Value } from "../../src/graph/value.ts";
import { diagnose } from "../../src/inspect/doctor.ts";
import { shapesOf, type StepKernel } from "../../src/inspect/kernels.ts";
import { gemm } from "../../src/ops/launch/gemm.ts";
import { linearPredictor } from "../../src/predictors/linear.ts";
import { Rewinder } from "../../src/predictors/rewinder.ts";
import { type NetworkStep, smallStep, stepName, withStep } from "../networks.ts";
import {
  inSlices,
  isProduct,
  isSliced,
  kernelId,
  stepKernels,
  withFourChannels,
} from "./kernels.ts";
import { ceilings } from "./ceilings.ts";
import { lab } from "./lab.ts";
import { rewindTask, withTrajectory } from "./rewinds.ts";
import type { Figures } from "./rows.ts";
import { heat, sample } from "./sample.ts";
import { mixed, onPrecision } from "./mixed.ts";
import type { Context, Stage, Task } from "./stage.ts";
import { epochs, square, stepsOf, stepTask } from "./steps.ts";
import { round, timed } from "./timed.ts";
import { torchTasks } from "./torch.ts";
import { winograd } from "./winograd.ts";

/** Operations an adapter does while it moves a byte: what decides which of both a kernel waits for. */
const flopPerByte = 12;

/** Compiles all kernels of a stage at once, as its first row: the driver takes several at a time. */
function compiling(launches: readonly Launch[]): Task {
  return {
    name: "compile",
    async run({ gpu }) {
      const start = performance.now();
      await Promise.all(launches.map((launch) => gpu.kernels.get(kernelId(launch))));
      return { kernels: launches.length, "s for all": round((performance.now() - start) / 1000) };
    },
  };
}

const start: Stage = {
  name: "start",
  decides: "whether kernels are right here, and what the adapter offers",
  share: 0.03,
  tasks: () =>
    Promise.resolve([
      {
        name: "kernels against float64",
        async run({ gpu }) {
          const { checks } = await diagnose(gpu);
          const wrong = checks.filter(({ passed }) => !passed).map(({ name }) => name);
          if (wrong.length > 0) throw new Error(`wrong on this adapter: ${wrong.join(", ")}`);
          return Object.fromEntries(checks.map(({ name, error }) => [`${name}, error`, error]));
        },
      },
      {
        name: "features and limits",
        run({ gpu }) {
          const limits = gpu.device.limits as unknown as Record<string, number>;
          const kept = [
            "maxComputeWorkgroupStorageSize",
            "maxComputeInvocationsPerWorkgroup",
            "maxStorageBufferBindingSize",
            "maxBufferSize",
          ];
          return Promise.resolve({
            features: gpu.adapter.features.join(" "),
            ...Object.fromEntries(kept.map((name) => [name, limits[name]!])),
          });
        },
      },
    ]),
};

const networks: Stage = {
  name: "networks",
  decides: "the table of training steps, PyTorch's in the same minutes",
  share: 0.19,
  tasks: (context) => {
    const steps = [...stepsOf(context), ...(context.tiny ? [] : [smallStep])];
    // Ours first: PyTorch's can also be had another time.
    return Promise.resolve([
      ...steps.map((step) => stepTask(step, stepName(step))),
      ...steps
        .filter(({ config }) => context.tiny || config.name === "resnet18")
        .map((step) => onPrecision("fast", stepTask(step, `${stepName(step)}, fast`))),
      ...steps.flatMap((step) => torchTasks(step, context.tiny)),
    ]);
  },
};

const profile: Stage = {
  name: "profile",
  decides: "which kernels a step waits for, each dispatch timed by the device",
  share: 0.08,
  tasks: (context) =>
    Promise.resolve(
      stepsOf(context).map((step) => ({
        name: stepName(step),
        run: ({ gpu, effort }: Context) =>
          withStep(gpu, step, 4, async ({ trainer, epoch }): Promise<Figures> => {
            await heat(gpu, (times) => epochs(epoch, times, 4), effort);
            const profiler = new Profiler(gpu);
            try {
              gpu.profiler = profiler;
              await epoch(4);
              const rows = summarise(await profiler.collect()).filter(({ program }) =>
                program.startsWith("train "),
              );
              const calls = rows.reduce((sum, row) => sum + row.calls, 0);
              if (calls === 0) throw new Error("no dispatch was timed");
              // The first of the replays is not among them.
              const replays = calls / trainer.program.dispatches.length;
              return Object.fromEntries(
                rows.map(({ kernel, milliseconds }) => [
                  `${kernel}, ms`,
                  round(milliseconds / replays),
                ]),
              );
            } finally {
              gpu.profiler = undefined;
              profiler.destroy();
            }
          }),
      })),
    ),
};

const memory: Stage = {
  name: "memory",
  decides: "the ceiling of what waits for memory, and how near snapshots come to it",
  share: 0.03,
  tasks: ({ tiny }) => {
    const floats = tiny ? 1 << 12 : 1 << 26;
    const snapshots = tiny ? [1 << 12] : [1 << 20, 11_200_000, 1 << 24];
    return Promise.resolve([
      {
        name: `copy of ${(4 * floats) / 2 ** 20} MiB`,
        async run({ gpu, effort }) {
          const { from, to } = await gpu.allocate({ from: 4 * floats, to: 4 * floats });
          try {
            const { ms } = await sample(
              gpu,
              (times) =>
                gpu.submit((encoder) => {
                  for (let i = 0; i < times; i++) {
                    encoder.copyBufferToBuffer(from, 0, to, 0, 4 * floats);
                  }
                }),
              effort,
            );
            return { ms: round(ms), "GB/s read and written": round((8 * floats) / ms / 1e6) };
          } finally {
            gpu.free(from, to);
          }
        },
      },
      {
        name: `ReLU of ${(4 * floats) / 2 ** 20} MiB`,
        run(context) {
          const value = (label: string): Value => new Value(label, [floats], "f32", "planned");
          const kernel = {
            ...{ shader: "elementwise/relu", parts: ["walk/forward"], entry: "forward" },
            constants: { SLOPE: 0 },
          };
          const bind = { x: value("x"), y: value("y") };
          return timed(context, [elementwise(context.gpu.tuning, kernel, floats, bind)]);
        },
      },
      ...snapshots.map((size): Task => ({
        name: `15 snapshots of ${size.toLocaleString("en")} weights`,
        run: (context) =>
          withTrajectory(context.gpu, size, 15, async ({ trajectory, arena }) => {
            const { ms } = await sample(
              context.gpu,
              (times) => {
                for (let i = 0; i < times; i++) {
                  trajectory.reset();
                  for (let k = 0; k < 15; k++) trajectory.record(arena);
                }
              },
              context.effort,
            );
            return {
              ms: round(ms),
              "GB/s read and written": round((2 * 15 * 4 * size) / ms / 1e6),
            };
          }),
      })),
    ]);
  },
};

const predictors: Stage = {
  name: "predictors",
  decides: "how many weights a second are rewound",
  share: 0.04,
  tasks: ({ tiny }) => {
    const sizes = tiny ? [1024] : [100_000, 1_000_000, 11_200_000];
    return Promise.resolve(
      sizes.flatMap((size) =>
        (["InvWNN", "linear"] as const).map((name) => rewindTask(name, size)),
      ),
    );
  },
};

const products: Stage = {
  name: "products",
  decides: "the ceiling, and the speed of each tile relative to the largest",
  share: 0.12,
  tasks: ({ gpu, tiny }) => {
    if (gpu.tuning !== "gpu") return Promise.resolve([]);
    const sizes = tiny ? [64] : [4096, 2048, 1024];
    const fitting = [...gpuTiles, ...variantTiles].filter((tile) => fitsTile(gpu, tile));
    const some = tiny ? [gpuTiles.at(-1)!, variantTiles.at(-1)!] : fitting;
    const all = sizes.flatMap((n) =>
      some.map((tile) => ({ name: `${n}³, ${tileName(tile)}`, launch: square(n, tile) })),
    );
    return Promise.resolve([
      compiling(all.map(({ launch }) => launch)),
      ...all.map(({ name, launch }) => ({
        name,
        run: (context: Context) => timed(context, [launch]),
      })),
    ]);
  },
};

const waves: Stage = {
  name: "waves",
  decides: "how many workgroups run at a time: steps in the time against their number",
  share: 0.05,
  tasks: ({ gpu, tiny }) => {
    if (gpu.tuning !== "gpu") return Promise.resolve([]);
    const kinds = tiny ? gpuTiles.slice(-1) : [gpuTiles[0]!, gpuTiles[3]!];
    const [from, to, step] = tiny ? [1, 3, 1] : [120, 600, 12];
    const counts: number[] = [];
    for (let count = from; count <= to; count += step) counts.push(count);
    return Promise.resolve(
      kinds.flatMap((tile) =>
        counts.map((count): Task => ({
          name: `${tileName(tile)}, ${count} workgroups`,
          run: (context) => {
            const { BM, BN } = tile;
            const [m, n, k] = [BM * count, BN, context.tiny ? 32 : 1024];
            const value = (label: string, shape: readonly number[]): Value =>
              new Value(label, shape, "f32", "planned");
            const { slices: _, ...launch } = gemm("gpu", {
              ...{ m, n, k, transA: false, transB: false, hasBias: false },
            });
            const bind = {
              a: value("a", [m, k]),
              b: value("b", [k, n]),
              bias: null,
              c: value("c", [m, n]),
            };
            return timed(context, [retile({ ...launch, bind, flop: 2 * m * n * k }, tile)]);
          },
        })),
      ),
    );
  },
};

/** Distinct kernels of a step, read once an hour. */
function kernelsOf(context: Context, step: NetworkStep): Promise<StepKernel[]> {
  const name = stepName(step);
  const found =
    (context.kept.get(name) as Promise<StepKernel[]> | undefined) ??
    stepKernels(context.gpu, step, flopPerByte);
  context.kept.set(name, found);
  return found;
}

const layers: Stage = {
  name: "layers",
  decides:
    "which distinct kernels of the networks are far from the ceiling, each direction by itself",
  share: 0.13,
  async tasks(context) {
    const tasks: Task[] = [];
    for (const step of stepsOf(context)) {
      const kernels = (await kernelsOf(context, step)).slice(0, context.tiny ? 3 : 60);
      for (const [i, { label, launch, calls, flop, bytes }] of kernels.entries()) {
        tasks.push({
          name: `${stepName(step)}: ${i + 1}. ${label}, ${shapesOf(launch)}`,
          async run(within) {
            const figures = await timed(within, [launch]);
            const ms = figures["ms"]!;
            return {
              ...{ ...figures, calls, "ms a step": round(calls * ms) },
              ...{ GFLOP: round(flop / 1e9), MB: round(bytes / 1e6) },
            };
          },
        });
      }
    }
    return tasks;
  },
};

const choices: Stage = {
  name: "choices",
  decides:
    "the table: tile of each product of the networks, slices of its weight gradients, channels of pictures",
  share: 0.15,
  async tasks(context) {
    if (context.gpu.tuning !== "gpu") return [];
    const tasks: Task[] = [];
    for (const step of stepsOf(context)) {
      const all = (await kernelsOf(context, step)).filter(({ launch }) => isProduct(launch));
      for (const { label, launch, calls } of all.slice(0, context.tiny ? 2 : 24)) {
        const shape = `${stepName(step)}: ${label}, ${shapesOf(launch)}`;
        const chosen = tileOf(launch)!;
        const [few, cuts] = context.tiny
          ? [gpuTiles.slice(-2), [1, 2]]
          : [
              [...gpuTiles.slice(0, 6), ...variantTiles.slice(0, 3)],
              [1, 2, 3, 5, 7, 11, 22, 29],
            ];
        const others = [chosen, ...few.filter((tile) => tile !== chosen)];
        tasks.push(
          ...others.map((tile, i): Task => ({
            name: `${shape}, tile ${tileName(tile)}`,
            run: async (within) => ({
              ...(await timed(within, [retile(launch, tile)])),
              calls,
              chosen: i === 0 ? "yes" : "no",
            }),
          })),
        );
        const padded = withFourChannels(launch);
        if (padded !== undefined) {
          tasks.push({
            name: `${shape}, tile by shape, with a fourth channel of zeros`,
            run: async (within) => ({
              ...(await timed(within, [padded])),
              ...{ calls, chosen: "no" },
            }),
          });
        }
        if (!isSliced(launch)) continue;
        const now = launch.constants["PIECES"] as number;
        tasks.push(
          ...[now, ...cuts.filter((count) => count !== now)].map((slices): Task => ({
            name: `${shape}, ${slices} slices`,
            run: async (within) => ({
              ...(await timed(within, inSlices(launch, slices))),
              calls,
              chosen: slices === now ? "yes" : "no",
            }),
          })),
        );
      }
    }
    return tasks;
  },
};

const growth: Stage = {
  name: "growth",
  decides: "how the time grows with the batch and with the window of the trajectory",
  share: 0.04,
  tasks: (context) => {
    const step = stepsOf(context)[0]!;
    const batches = context.tiny ? [step.batch] : [16, 32, 64, 256];
    const windows = context.tiny ? [5] : [5, 10, 15];
    const size = context.tiny ? 1024 : 11_200_000;
    return Promise.resolve([
      ...batches.map((batch) => stepTask({ ...step, batch }, stepName({ ...step, batch }))),
      ...windows.map((window): Task => ({
        name: `${window} snapshots of ${size.toLocaleString("en")} weights and their straight line`,
        run: ({ gpu, effort }) =>
          withTrajectory(gpu, size, window, async ({ trajectory, arena }): Promise<Figures> => {
            const rewinder = await Rewinder.create(trajectory, linearPredictor(window));
            try {
              const { ms } = await sample(
                gpu,
                async (times) => {
                  for (let i = 0; i < times; i++) {
                    trajectory.reset();
                    for (let k = 0; k < window; k++) trajectory.record(arena);
                    await rewinder.apply(arena);
                  }
                },
                effort,
              );
              return { ms: round(ms) };
            } finally {
              rewinder.destroy();
            }
          }),
      })),
    ]);
  },
};

/** All stages, in the order of their worth. */
export const stages: readonly Stage[] = [
  start,
  networks,
  profile,
  layers,
  products,
  ceilings,
  waves,
  mixed,
  predictors,
  memory,
  winograd,
  choices,
  growth,
  lab,
];
