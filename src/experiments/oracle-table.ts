/** Tables of what was measured over a set of networks, and the results they are made from. */
import { z } from "zod";
import { DataError } from "../errors.ts";
import { retainingAccuracy } from "../metrics/retaining-accuracy.ts";
import { testingAccuracy } from "../metrics/testing-accuracy.ts";
import { unlearningAccuracy } from "../metrics/unlearning-accuracy.ts";
import { exists, join, readJson } from "../platform/files.ts";
import { type Cell, type Column, markdownTable, textTable } from "../report/table.ts";
import { checkedFile } from "../runs/checked-file.ts";
import { resultsFile } from "./experiment-page.ts";
import type { OracleRow, OracleRuns } from "./oracle-measure.ts";

/** The format of a measurement's results.json. */
export const measuredFormat = "rewind oracle measurement 1";

/** What a measurement writes. */
export interface OracleMeasured {
  readonly format: typeof measuredFormat;
  /** The set: its digest, networks of either kind, and what they were made from. */
  readonly oracle: {
    readonly digest: string;
    readonly networks: number;
    readonly seed: number;
    readonly dataset: string;
    readonly model: string;
    readonly forget: { readonly count: number; readonly of: number };
    /** Adapters that its networks were trained on. */
    readonly adapters: readonly string[];
  };
  readonly name: string;
  readonly method: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly untilRetrained: boolean;
  readonly adapter: string;
  readonly runtime: string;
  readonly rows: readonly OracleRow[];
  readonly runs: OracleRuns;
}

const measuredNumber = z.looseObject({ value: z.number().nullable() });

const bySet = <T extends z.ZodType>(of: T) => z.object({ forget: of, retain: of, test: of });

const measuredSchema = z.looseObject({
  format: z.literal(measuredFormat),
  oracle: z.looseObject({
    digest: z.string(),
    networks: z.number(),
    dataset: z.string(),
    model: z.string(),
    forget: z.object({ count: z.number(), of: z.number() }),
    adapters: z.array(z.string()),
  }),
  name: z.string(),
  adapter: z.string(),
  rows: z
    .array(
      z.looseObject({
        name: z.string(),
        networks: z.tuple([z.number(), z.number()]),
        accuracy: bySet(z.number()),
        klom: bySet(
          z.looseObject({ mean: measuredNumber, median: measuredNumber, p95: measuredNumber }),
        ),
        uLira: bySet(
          z.looseObject({
            accuracy: measuredNumber,
            tprAt1: measuredNumber,
            tprAt01: measuredNumber,
          }),
        ),
      }),
    )
    .min(2),
});

/** Columns of the table; accuracies in %, KLoM in nats, U-LiRA in %. */
const columns: readonly Column[] = [
  { title: "" },
  { title: "networks" },
  { title: unlearningAccuracy.name },
  { title: retainingAccuracy.name },
  { title: testingAccuracy.name },
  { title: "KLoM D_f", decimals: 2 },
  { title: "median", decimals: 2 },
  { title: "95th", decimals: 2 },
  { title: "KLoM D_r", decimals: 2 },
  { title: "KLoM test", decimals: 2 },
  { title: "U-LiRA D_f" },
  { title: "TPR at 1 %" },
  { title: "at 0.1 %", decimals: 2 },
  { title: "U-LiRA test" },
];

function cellsOf({ name, networks, accuracy, klom, uLira }: OracleRow): Cell[] {
  const value = (of: { readonly value: number | null }): number | undefined =>
    of.value ?? undefined;
  const attack = ({ accuracy: found }: OracleRow["uLira"]["forget"]): Cell => {
    if (found.value === null) return undefined;
    const [low, high] = found.interval ?? [found.value, found.value];
    return `${found.value.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`;
  };
  return [
    name,
    networks.join(" : "),
    100 - accuracy.forget,
    accuracy.retain,
    accuracy.test,
    value(klom.forget.mean),
    value(klom.forget.median),
    value(klom.forget.p95),
    value(klom.retain.mean),
    value(klom.test.mean),
    attack(uLira.forget),
    value(uLira.forget.tprAt1),
    value(uLira.forget.tprAt01),
    attack(uLira.test),
  ];
}

/** The table of some rows, for a terminal and as Markdown. */
export function oracleTable(rows: readonly OracleRow[]): { text: string; markdown: string } {
  const cells = rows.map(cellsOf);
  return { text: textTable(columns, cells), markdown: markdownTable(columns, cells) };
}

/** What the columns mean, a paragraph. */
export const oracleLegend: string =
  "UA, RA and TA in %, on average over the networks. KLoM in nats over the images of a set: mean, on D_f also median and " +
  "95th percentile; 0 is ideal, 11.5 the largest. U-LiRA: balanced accuracy in % of an attack on each image, with a 95 % " +
  "interval over networks; 50 is a guess. TPR at an FPR of 1 % and of 0.1 %: a guess finds as many. Neither kind of " +
  "network saw the test images: what differs there is what a method damaged, or what more training images teach, not " +
  "memory. A number means something beside what there is with nothing to find: two halves of the retrained networks, " +
  "which are fewer and score more for that, and the method that retrains, which makes as many of other seeds.";

/** Reads a measurement. @throws DataError where a folder has none. */
export async function readMeasured(folder: string): Promise<OracleMeasured> {
  const file = join(folder, resultsFile);
  if (!(await exists(file))) {
    throw new DataError(
      `"${folder}" has no ${resultsFile}: it is no finished folder of \`rewind oracle measure\`.`,
    );
  }
  const value = await readJson(file);
  checkedFile(measuredSchema, value, file);
  return value as OracleMeasured;
}

/**
 * The rows of several measurements: what they share once, and each method.
 *
 * @throws DataError where they are not of the same networks, or two methods have one name.
 */
export function joinMeasured(
  measured: readonly (readonly [folder: string, OracleMeasured])[],
): readonly OracleRow[] {
  const [first, ...others] = measured;
  const [place, { oracle, rows }] = first!;
  const strange = others.find(([, other]) => other.oracle.digest !== oracle.digest);
  if (strange !== undefined) {
    throw new DataError(
      `"${place}" (${oracle.networks} networks of either kind) and "${strange[0]}" ` +
        `(${strange[1].oracle.networks}) were not measured over the same networks: a table holds one set.`,
    );
  }
  const methods = measured.map(([, { rows: all }]) => all.at(-1)!);
  const twice = methods.find(({ name }, i) => methods.findIndex((one) => one.name === name) < i);
  if (twice !== undefined) {
    throw new DataError(
      `two of the folders are called "${twice.name}": measure one of them with another \`name\`.`,
    );
  }
  return [...rows.slice(0, -1), ...methods];
}
