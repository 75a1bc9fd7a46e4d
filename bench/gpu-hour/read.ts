/** Turns the rows of a GPU hour into tables: the README's rows, and which choices would be better than the present ones. */
import { markdownTable } from "../../src/report/table.ts";
import { type HourMachine, readMachine, readRows, type Row } from "./rows.ts";

/** A choice that was measured to be better than the one that is made now. */
export interface BetterChoice {
  /** Kernel and shapes. */
  readonly shape: string;
  readonly now: string;
  readonly best: string;
  /** Milliseconds a call. */
  readonly nowMs: number;
  readonly bestMs: number;
  readonly calls: number;
}

/** A candidate has to be this much quicker: less is noise. */
const margin = 0.97;

const number = (row: Row, name: string): number | undefined => {
  const value = row.figures?.[name];
  return typeof value === "number" ? value : undefined;
};

/** Choices of a folder's rows that lose against another one, what is gained most first. */
export function betterChoices(rows: readonly Row[]): BetterChoice[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    if (row.stage !== "choices" || number(row, "ms") === undefined) continue;
    // Tiles are compared with tiles, slices with slices.
    const [, shape, kind] = /^(.*), (tile|\d+ slices)/.exec(row.name) ?? [];
    if (shape === undefined) continue;
    const key = `${shape}\n${kind === "tile" ? "tile" : "slices"}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const better: BetterChoice[] = [];
  for (const [key, group] of groups) {
    const now = group.find(({ figures }) => figures?.["chosen"] === "yes");
    const best = group.reduce((a, b) => (number(b, "ms")! < number(a, "ms")! ? b : a));
    if (now === undefined || number(best, "ms")! >= margin * number(now, "ms")!) continue;
    const shape = key.split("\n")[0]!;
    better.push({
      ...{ shape, now: now.name.slice(shape.length + 2), best: best.name.slice(shape.length + 2) },
      ...{ nowMs: number(now, "ms")!, bestMs: number(best, "ms")! },
      calls: number(now, "calls") ?? 1,
    });
  }
  const gain = ({ nowMs, bestMs, calls }: BetterChoice): number => calls * (nowMs - bestMs);
  return better.sort((a, b) => gain(b) - gain(a));
}

/** Arithmetic of the largest product, GFLOP/s: the ceiling. */
export function ceilingOf(rows: readonly Row[]): number | undefined {
  const all = rows.flatMap((row) =>
    row.stage === "products" ? (number(row, "GFLOP/s") ?? []) : [],
  );
  return all.length === 0 ? undefined : Math.max(...all);
}

function steps(rows: readonly Row[], ceiling: number | undefined): string {
  const of = rows.filter(({ stage, figures }) => stage === "networks" && figures !== undefined);
  const ours = of.filter(({ name }) => !name.startsWith("PyTorch"));
  const torch = of.filter(({ name }) => name.startsWith("PyTorch"));
  const modes = [
    ...new Set(
      torch.flatMap(({ figures }) => Object.keys(figures!).filter((k) => k.startsWith("ms, "))),
    ),
  ];
  /** The quicker of PyTorch's rows: with its search for algorithms and without. */
  const peer = (name: string, mode: string): number | undefined => {
    const all = torch.flatMap((row) =>
      row.name.startsWith(`PyTorch: ${name}, `) ? (number(row, mode) ?? []) : [],
    );
    return all.length === 0 ? undefined : Math.min(...all);
  };
  return markdownTable(
    [
      { title: "step" },
      { title: "ms", decimals: 3 },
      { title: "% of the ceiling", decimals: 1 },
      { title: "host ms", decimals: 2 },
      ...modes.flatMap((mode) => [
        { title: mode.replace("ms, ", "PyTorch "), decimals: 3 },
        { title: "ratio", decimals: 2 },
      ]),
    ],
    ours.map((row) => {
      const ms = number(row, "ms")!;
      const speed = number(row, "GFLOP/s");
      return [
        row.name,
        ms,
        ceiling === undefined || speed === undefined ? undefined : (100 * speed) / ceiling,
        number(row, "host ms a step"),
        ...modes.flatMap((mode) => {
          const theirs = peer(row.name, mode);
          return [theirs, theirs === undefined ? undefined : ms / theirs];
        }),
      ];
    }),
  );
}

/** Kernels of the networks by what they take of a step. */
function kernels(rows: readonly Row[], most: number): string {
  const of = rows.filter((row) => row.stage === "layers" && number(row, "ms a step") !== undefined);
  const sorted = of.sort((a, b) => number(b, "ms a step")! - number(a, "ms a step")!);
  return markdownTable(
    [
      { title: "kernel" },
      { title: "calls", decimals: 0 },
      { title: "ms a call", decimals: 4 },
      { title: "ms a step", decimals: 3 },
      { title: "GFLOP/s", decimals: 0 },
      { title: "GB/s", decimals: 0 },
    ],
    sorted
      .slice(0, most)
      .map((row) => [
        row.name,
        ...["calls", "ms", "ms a step", "GFLOP/s", "GB/s"].map((name) => number(row, name)),
      ]),
  );
}

function others(rows: readonly Row[]): string {
  const known = ["networks", "layers", "choices"];
  return markdownTable(
    [{ title: "stage" }, { title: "row", words: true }, { title: "figures", words: true }],
    rows
      .filter(({ stage, figures }) => !known.includes(stage) && figures !== undefined)
      .map(({ stage, name, figures }) => [
        stage,
        name,
        Object.entries(figures!)
          .slice(0, 8)
          .map(([figure, value]) => `${figure} ${value}`)
          .join("; "),
      ]),
  );
}

function title({ adapter, driver, runtime, tuning, commit, tiny }: HourMachine): string {
  const sizes = tiny ? ", tiny sizes: these figures are of no use" : "";
  return `${adapter} (driver ${driver}), ${runtime}, ${tuning} kernels, commit ${commit}${sizes}`;
}

/** A Markdown page of a folder. @throws Error where it holds no rows. */
export function hourPage(folder: string): string {
  const machine = readMachine(folder);
  const rows = readRows(folder);
  const failed = rows.filter(({ error }) => error !== undefined);
  const ceiling = ceilingOf(rows);
  const better = betterChoices(rows);
  const part = (heading: string, text: string): string => `## ${heading}\n\n${text}\n`;
  return [
    `# A GPU hour\n\n${title(machine)}.\n`,
    part("Training steps", steps(rows, ceiling)),
    part("Kernels that take most of a step", kernels(rows, 40)),
    part(
      "Choices to change",
      !rows.some(({ figures }) => figures?.["chosen"] === "yes")
        ? "None were measured."
        : better.length === 0
          ? "None of those measured is quicker than the present one by 3 % or more."
          : markdownTable(
              [
                { title: "shape" },
                { title: "now" },
                { title: "better" },
                { title: "ms now", decimals: 4 },
                { title: "ms", decimals: 4 },
                { title: "calls", decimals: 0 },
              ],
              better.map(({ shape, now, best, nowMs, bestMs, calls }) => [
                ...[shape, now, best, nowMs, bestMs, calls],
              ]),
            ),
    ),
    part("Other rows", others(rows)),
    ...(failed.length === 0
      ? []
      : [
          part(
            "What failed",
            failed.map(({ stage, name, error }) => `- ${stage}, ${name}: ${error}`).join("\n"),
          ),
        ]),
  ].join("\n");
}
