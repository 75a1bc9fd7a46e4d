/** An experiment's curves. */
import { extent } from "../figures/draw.ts";
import { type LineChart, lineChart, type Series } from "../figures/plot.ts";
import { whereReached } from "../metrics/curve.ts";
import { axisLabel, scoreMetric } from "../metrics/index.ts";
import { meanAndDeviation, studentQuantile } from "../metrics/statistics.ts";
import { listed } from "../registry.ts";
import type { Axis } from "../scenarios/scenario.ts";
import { methods } from "../unlearn/methods/index.ts";
import type { Protocol } from "./protocol.ts";
import type { ArmResult } from "./trained-network.ts";

/** What an axis says: its metric's label, or its own. */
export function labelOf({ score, label }: Axis): string {
  const metric = scoreMetric(score);
  return axisLabel({ label: label ?? metric.label, unit: metric.unit });
}

/** A run as curves need it. */
export type CurveOfRun = Pick<ArmResult, "arm" | "seed" | "history">;

/** What curves show, and what is said of it. */
export interface Curves extends Pick<Protocol, "title" | "x" | "y" | "reverseX" | "until"> {
  /** Name of the data set. */
  readonly dataset: string;
  /** Arms that are drawn, in order. */
  readonly arms: readonly string[];
}

/** What a protocol's curves show. */
export function curvesOf(protocol: Protocol): Curves {
  const arms = protocol.arms.filter((arm) => arm.hidden !== true).map(({ name }) => name);
  return { ...protocol, dataset: protocol.train(0).data.name, arms };
}

/** Seeds that a band needs at least: Student's t of two is 12.7. */
const bandSeeds = 3;

/**
 * Mean curve of an arm over its seeds on a grid of x, between measured rounds on straight lines, with a band of the 95 %
 * interval of the mean by Student's t where three seeds or more get there.
 */
export function meanCurve(
  protocol: Pick<Curves, "x" | "reverseX" | "until">,
  runs: readonly CurveOfRun[],
  y: Axis,
): Series["points"] {
  const curves = runs
    .map(({ history }) =>
      history.flatMap(({ scores }) => {
        const [px, py] = [scores[protocol.x.score], scores[y.score]];
        return px === undefined || py === undefined ? [] : [{ x: px, y: py }];
      }),
    )
    .filter(({ length }) => length > 0);
  const direction = protocol.reverseX ? "falling" : "rising";
  const xs = curves.flatMap((curve) => curve.map(({ x }) => x));
  // The round that ends a run may go far beyond the loss that ends it, and the axis with it.
  const { forgetLoss = Infinity } = protocol.reverseX ? {} : protocol.until;
  const { reach } = protocol.x;
  const starts = curves.flatMap(([first]) => first?.x ?? []);
  const end = reach === undefined ? forgetLoss : reach * Math.max(...starts);
  const [low, most] = extent(xs);
  const high = Math.min(end, most);
  const steps = 30;
  return Array.from({ length: steps + 1 }, (_, i) => {
    const share = i / steps;
    return protocol.reverseX ? high - share * (high - low) : low + share * (high - low);
  }).flatMap((x) => {
    const values = curves.flatMap((curve) => {
      const start = curve[0]!.x;
      if (protocol.reverseX ? start < x : start > x) return [];
      const value = whereReached(curve, x, direction);
      return value === undefined ? [] : [value];
    });
    // A mean over few of the seeds would jump where one of them ends.
    if (values.length === 0 || 2 * values.length <= runs.length) return [];
    const { mean, deviation } = meanAndDeviation(values);
    const n = values.length;
    if (n < bandSeeds) return [{ x, y: mean }];
    const half = (studentQuantile(0.975, n - 1) * deviation) / Math.sqrt(n);
    return [{ x, y: mean, low: mean - half, high: mean + half }];
  });
}

/**
 * Names for a legend, which cuts long ones at the end: of paths in a variant's settings the last part, unless two names
 * would be the same.
 */
export function legendNames(names: readonly string[]): string[] {
  const short = names.map((name) => name.replaceAll(/=\S*[/\\](?=[^/\\\s])/g, "="));
  return names.map((name, i) =>
    short.filter((one) => one === short[i]).length > 1 ? name : short[i]!,
  );
}

/** What the methods that are drawn read. */
function readText(
  arms: readonly string[],
  results: readonly Pick<ArmResult, "arm" | "method">[],
): string {
  const readers = arms.filter((name) => {
    const method = results.find(({ arm }) => arm === name)?.method;
    return method !== undefined && methods.has(method) && methods.find(method).reads !== "D_f";
  });
  if (readers.length === 0) return "methods that read D_f only";
  const others = readers.length === arms.length ? "" : ", the others D_f only";
  return `${listed(readers)} ${readers.length === 1 ? "reads" : "read"} D_r${others}`;
}

/** Charts of an experiment, one an y axis, in the form of the paper's Figure 3. */
export function curveCharts(
  curves: Curves,
  results: readonly (CurveOfRun & Pick<ArmResult, "method">)[],
): { readonly name: string; readonly chart: LineChart & { readonly subtitle: string } }[] {
  const seeds = new Set(results.map(({ seed }) => seed)).size;
  const names = legendNames(curves.arms);
  return curves.y.flatMap((y) => {
    const series = curves.arms
      .map((name, i) => ({
        name: names[i]!,
        points: meanCurve(
          curves,
          results.filter(({ arm }) => arm === name),
          y,
        ),
      }))
      .filter(({ points }) => points.length > 0);
    if (series.length === 0) return [];
    const chart = {
      title: curves.title,
      subtitle:
        `${curves.dataset}, ${readText(curves.arms, results)}; ` +
        (seeds < bandSeeds
          ? `mean of ${seeds} seed${seeds === 1 ? "" : "s"}`
          : `mean of ${seeds} seeds, and its 95 % interval by Student's t where ${bandSeeds} or more get there`),
      xLabel: labelOf(curves.x),
      yLabel: labelOf(y),
      reverseX: curves.reverseX,
      dots: false,
      series,
    };
    return [{ name: y.score, chart }];
  });
}

/** Figures of {@link curveCharts}; none where the packages that draw are not installed. */
export async function figures(
  curves: Curves,
  results: readonly ArmResult[],
): Promise<{ name: string; svg: string; png: Uint8Array }[]> {
  const drawn: { name: string; svg: string; png: Uint8Array }[] = [];
  for (const { name, chart } of curveCharts(curves, results)) {
    const figure = await lineChart(chart);
    if (figure !== undefined) drawn.push({ name, ...figure });
  }
  return drawn;
}
