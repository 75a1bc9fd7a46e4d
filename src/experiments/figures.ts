/** An experiment's curves. */
import { lineChart, type Series } from "../figures/plot.ts";
import { whereReached } from "../metrics/curve.ts";
import { axisLabel, scoreMetric } from "../metrics/index.ts";
import { meanAndDeviation } from "../metrics/statistics.ts";
import type { Axis } from "../scenarios/scenario.ts";
import type { Protocol } from "./protocol.ts";
import type { ArmResult } from "./trained-network.ts";

/** What an axis says: its metric's label, or its own. */
export function labelOf({ score, label }: Axis): string {
  const metric = scoreMetric(score);
  return axisLabel({ label: label ?? metric.label, unit: metric.unit });
}

/** Mean curve of an arm over its seeds on a grid of x, with a band of one standard deviation. */
export function meanCurve(
  protocol: Protocol,
  runs: readonly ArmResult[],
  y: Axis,
): Series["points"] {
  const curves = runs.map(({ history }) =>
    history.flatMap(({ scores }) => {
      const [px, py] = [scores[protocol.x.score], scores[y.score]];
      return px === undefined || py === undefined ? [] : [{ x: px, y: py }];
    }),
  );
  const direction = protocol.reverseX ? "falling" : "rising";
  const xs = curves.flatMap((curve) => curve.map(({ x }) => x));
  const [low, high] = [Math.min(...xs), Math.max(...xs)];
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
    return [{ x, y: mean, low: mean - deviation, high: mean + deviation }];
  });
}

/** Figures of an experiment, one an y axis, in the form of the paper's Figure 3. */
export async function figures(
  protocol: Protocol,
  results: readonly ArmResult[],
): Promise<{ name: string; svg: string; png: Uint8Array }[]> {
  const drawn: { name: string; svg: string; png: Uint8Array }[] = [];
  const seeds = new Set(results.map(({ seed }) => seed)).size;
  for (const y of protocol.y) {
    const series = protocol.arms
      .filter((arm) => arm.hidden !== true)
      .map(({ name }) => ({
        name,
        points: meanCurve(
          protocol,
          results.filter(({ arm }) => arm === name),
          y,
        ),
      }))
      .filter(({ points }) => points.length > 0);
    if (series.length === 0) continue;
    const chart = await lineChart({
      title: protocol.title,
      subtitle: `${protocol.train(0).data.name}, methods that read D_f only, mean and standard deviation of ${seeds} seeds`,
      xLabel: labelOf(protocol.x),
      yLabel: labelOf(y),
      reverseX: protocol.reverseX,
      series,
    });
    if (chart !== undefined) drawn.push({ name: y.score, ...chart });
  }
  return drawn;
}
