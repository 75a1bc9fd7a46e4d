/** results.csv: every round of every run. */
import { csvFormatRows } from "d3-dsv";
import { scoreMetrics } from "../metrics/index.ts";
import type { Protocol } from "./protocol.ts";
import type { ArmResult } from "./trained-network.ts";

/** Columns of results.csv after experiment, data set, seed, arm, round, steps and seconds. */
const scoreColumns = (task?: string): readonly string[] =>
  scoreMetrics(task).map(({ name }) => name);

/** One line a round of a run; empty fields were not measured. */
export function tidyCsv(protocol: Protocol, results: readonly ArmResult[]): string {
  const { data, task } = protocol.train(0);
  const [dataset, columns] = [data.name, scoreColumns(task)];
  const head = ["experiment", "dataset", "seed", "arm", "round", "steps", "seconds"];
  const rows = results.flatMap(({ seed, arm, history }) =>
    history.map(({ round, steps, seconds, scores }) =>
      [protocol.name, dataset, seed, arm, round, steps, seconds.toFixed(3)]
        .concat(columns.map((key) => scores[key] ?? ""))
        .map(String),
    ),
  );
  return `${csvFormatRows([[...head, ...columns], ...rows])}\n`;
}
