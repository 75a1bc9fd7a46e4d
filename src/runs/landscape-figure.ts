/** The figure of a landscape, and its numbers as files. */
import { csvFormatRows } from "d3-dsv";
import type { Drawn } from "../figures/draw.ts";
import { type PlaneChart, planeChart } from "../figures/landscape.ts";
import type { LandscapeOfRuns } from "./landscape.ts";

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** What a landscape's axes explain, in words. */
export function explainedText({ explained, sets, directions }: LandscapeOfRuns): string {
  const [first, second] = explained;
  const of =
    directions === "paths"
      ? `the paths' ${sets} sets of weights`
      : `${sets} sets of weights, perturbed ones among them`;
  return (
    `The plane holds ${percent(first + second)} of the squared distances from the trained weights of ${of} ` +
    `(${percent(first)} and ${percent(second)})`
  );
}

/** The figure as data: what stands where. */
export function landscapeChart(landscape: LandscapeOfRuns): PlaneChart {
  const { grid, perturbations, paths, images, explained } = landscape;
  const step = (values: readonly number[]): number => values[1]! - values[0]!;
  const cell = grid === null ? {} : { cell: { a: step(grid.a), b: step(grid.b) } };
  const panel = (title: string, value: "test" | "forget") => ({
    title,
    label: "%",
    places: (grid?.places ?? perturbations ?? []).map((place) => ({
      a: place.a,
      b: place.b,
      value: place[value],
    })),
    ...cell,
  });
  const ground =
    grid === null
      ? "Dots are perturbed weights, measured where they are and drawn where they lie in it; paths are drawn so, too."
      : "Colours are measured in it; what paths move out of it is not drawn.";
  return {
    title: "Landscape of unlearning",
    subtitle: `${explainedText(landscape)}. ${ground} Red: the trained weights.`,
    labels: {
      a: `first principal component (${percent(explained[0])})`,
      b: `second (${percent(explained[1])})`,
    },
    panels: [
      panel(`Accuracy on ${images.test} test images`, "test"),
      panel(`Accuracy on ${images.forget} images of D_f, as trained`, "forget"),
    ],
    paths: paths.map(({ name, points }) => ({ name, points })),
  };
}

/** Draws the figure. @throws UsageError where the packages that draw are not installed. */
export function landscapeFigure(landscape: LandscapeOfRuns): Promise<Drawn> {
  return planeChart(landscapeChart(landscape));
}

/** Every place with its accuracies, those of the grid or perturbed weights; and paths, with the scores of their runs. */
export function landscapeCsv({ grid, perturbations, paths }: LandscapeOfRuns): string {
  const steps = paths.flatMap(({ name, points }) => points.map((point) => ({ name, ...point })));
  const names = [...new Set(steps.flatMap(({ scores }) => Object.keys(scores ?? {})))];
  const head = ["what", "round", "a", "b", "distance from the plane", "test %", "D_f %", ...names];
  const empty = names.map(() => "");
  const rows = [
    ...(grid?.places ?? []).map(({ a, b, test, forget }) => [
      "grid",
      "",
      a,
      b,
      0,
      test,
      forget,
      ...empty,
    ]),
    ...(perturbations ?? []).map(({ a, b, off, test, forget }) => [
      "perturbed",
      "",
      a,
      b,
      off,
      test,
      forget,
      ...empty,
    ]),
    ...steps.map(({ name, round, a, b, off, scores }) => [
      name,
      round ?? "end",
      a,
      b,
      off,
      "",
      "",
      ...names.map((score) => scores?.[score] ?? ""),
    ]),
  ];
  return `${csvFormatRows([head, ...rows.map((row) => row.map(String))])}\n`;
}
