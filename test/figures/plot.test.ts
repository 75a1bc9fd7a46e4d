import { test } from "uvu";
import * as assert from "uvu/assert";
import { planeSpec } from "../../src/figures/landscape.ts";
import {
  chartSpec,
  lineChart,
  lineColours,
  type LineChart,
  plainChart,
  pointLabels,
} from "../../src/figures/plot.ts";

const chart: LineChart = {
  title: "Forgetting",
  xLabel: "wrong labels (%)",
  yLabel: "test accuracy (%)",
  reverseX: true,
  series: [
    {
      name: "rewind",
      points: [
        { x: 50, y: 87 },
        { x: 20, y: 90 },
      ],
    },
    {
      name: "linear",
      points: [
        { x: 50, y: 87, low: 86, high: 88 },
        { x: 30, y: 89, low: 88, high: 90 },
      ],
    },
  ],
};

test("a plane has as many places as a landscape of 201 × 201", () => {
  const places = Array.from({ length: 201 * 201 }, (_, i) => ({
    a: i % 201,
    b: i / 201,
    value: i,
  }));
  const panel = { title: "", label: "", places, cell: { a: 1, b: 1 } };
  const labels = { a: "a", b: "b" };
  const chart = { title: "", subtitle: "", labels, panels: [panel, panel], paths: [] };
  assert.match(JSON.stringify(planeSpec(chart)), /"domain":\[-0\.5,200\.5\]/);
});

test("as many curves as an experiment has arms look each like no other", () => {
  const looks = lineColours(25).map((one) => JSON.stringify(one));
  assert.is(new Set(looks).size, 25);
});

test("a chart is SVG with its labels and PNG of twice the size, the same each time", async () => {
  const { svg, png } = (await lineChart(chart))!;
  for (const text of ["Forgetting", "wrong labels (%)", "test accuracy (%)", "rewind", "linear"]) {
    assert.ok(svg.includes(text), text);
  }
  assert.equal([...png.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
  const view = new DataView(png.buffer, png.byteOffset);
  const width = Number(/<svg[^>]* width="(\d+)"/.exec(svg)![1]);
  assert.is(view.getUint32(16), 2 * width);
  const again = (await lineChart(chart))!;
  assert.is(again.svg, svg);
  assert.equal(again.png, png);
});

test("a long title of the y axis is in lines, and takes no room above a plain chart", async () => {
  const yLabel = "accuracy on D_f, clean labels (%)";
  const top = async (of: LineChart): Promise<number> => {
    const svg = (await plainChart(of))!;
    return Number(/translate\([\d.]+,([\d.]+)\)"><g class="mark-group role-frame/.exec(svg)![1]);
  };
  const plain = await top(chart);
  assert.is(await top({ ...chart, yLabel }), plain);
});

test("points are drawn in the order given, with a band where bounds are given", () => {
  const spec = chartSpec(chart) as { data: { values: { order: number }[] }; layer: object[] };
  assert.equal(
    spec.data.values.map(({ order }) => order),
    [0, 1, 0, 1],
  );
  assert.is(spec.layer.length, 2);
  const plain = chartSpec({ ...chart, series: chart.series.slice(0, 1) }) as { layer: object[] };
  assert.is(plain.layer.length, 1);
  const marks = (dots?: boolean) => {
    const { layer } = chartSpec({ ...chart, ...(dots === undefined ? {} : { dots }) }) as {
      layer: { mark: object }[];
    };
    return "point" in layer.at(-1)!.mark;
  };
  assert.equal([marks(), marks(false)], [true, false], "no dots where nothing was measured");
});

test("whole numbers have whole ticks, a level curve has room, one curve no legend, and long texts lines", () => {
  const spec = (points: LineChart["series"][number]["points"], subtitle = "") =>
    chartSpec({ ...chart, subtitle, series: [{ name: "rewind", points }] }) as {
      title: { subtitle: string[] };
      layer: {
        encoding: {
          x: { axis: { tickMinStep?: number } };
          y: { scale: { domain?: number[] } };
          color: { legend: object | null };
        };
      }[];
    };
  const level = spec(
    [
      { x: 0, y: 3 },
      { x: 1, y: 3 },
    ],
    "word ".repeat(30).trim(),
  );
  const { x, y, color } = level.layer[0]!.encoding;
  assert.equal([x.axis.tickMinStep, y.scale.domain, color.legend], [1, [2, 4], null]);
  assert.ok(level.title.subtitle.every((line) => line.length <= 72));
  assert.is(level.title.subtitle.join(" "), "word ".repeat(30).trim());
  const rising = spec([
    { x: 0.5, y: 3 },
    { x: 1, y: 4 },
  ]).layer[0]!.encoding;
  assert.equal([rising.x.axis.tickMinStep, rising.y.scale.domain], [undefined, undefined]);
});

test("labels that would lie over each other are one, which says where a curve stays", () => {
  const labelled = (points: readonly (readonly [x: number, y: number, label?: string])[]) =>
    pointLabels(
      points.map(([x, y, label], order) => ({
        ...{ series: "rewind", order, x, y },
        ...(label !== undefined && { label }),
      })),
      400,
      250,
    ).map(({ x, y, label }) => [x, y, label]);
  const far = [30, 41] as const;
  assert.equal(
    labelled([
      [100, 40, "0"],
      [99.9, 40],
      [100, 40, "2"],
      [100, 40.04, "3"],
      [...far, "4"],
    ]),
    [
      [100, 40.04, "0–3"],
      [...far, "4"],
    ],
  );
  assert.equal(
    labelled([
      [100, 40, "0"],
      [100, 40, "1"],
      [...far, "2"],
      [100, 40, "3"],
    ]),
    [
      [100, 40, "0, 1, 3"],
      [...far, "2"],
    ],
    "it went away in between",
  );
  assert.equal(labelled([[100, 40, "0"], far, [100, 40, "2"]]), [[100, 40, "0, 2"]]);
  assert.equal(
    labelled([
      [5, 5, "0"],
      [5, 5, "1"],
    ]),
    [[5, 5, "0, 1"]],
    "a curve of one place",
  );
  const apart = [
    [100, 40, "0"],
    [80, 40, "1"],
    [...far, "2"],
  ] as const;
  assert.equal(labelled(apart), apart, "what has room stays as it is");
});

test("a label gives way to its curve", () => {
  const sides = (ys: readonly number[], reversed: boolean) =>
    pointLabels(
      ys.map((y, order) => {
        const x = reversed ? 100 - 10 * order : 10 * order;
        return { series: "rewind", order, x, y, label: `${order}–9` };
      }),
      400,
      250,
      reversed,
    ).map(({ align, dy }) => (dy > 0 ? `below, ${align}` : align));
  for (const reversed of [false, true]) {
    assert.equal(
      sides([50, 50, 90, 90, 0], reversed),
      ["left", "right", "center", "center", "left"],
      "it stands beside a slope, and the first beside the axis",
    );
    assert.equal(
      sides([90, 20, 90, 0, 90], reversed),
      ["left", "below, center", "center", "center", "center"],
      "in a valley it stands below, where there is room",
    );
    assert.equal(sides([20, 90, 0], reversed)[0], "below, left");
  }
  const valleys = (
    [
      [0, 60],
      [10, 0, "12–15"],
      [20, 90],
      [30, 40],
      [40, 0],
      [50, 55],
      [70, 0],
      [100, 30],
    ] as const
  ).map(([x, y, label], order) => ({ series: "a", order, x, y, label: label ?? String(order) }));
  const [right, up] = [4, 250 / 90];
  for (const { x, y, label, align, dx, dy } of pointLabels(valleys, 400, 250)) {
    const half = 3 * label.length;
    const middle = x * right + dx + (align === "left" ? half : align === "right" ? -half : 0);
    const under = valleys.slice(1).filter((to, i) =>
      Array.from({ length: 1000 }, (_, part) => part / 1000).some((part) => {
        const [across, climb] = (["x", "y"] as const).map(
          (axis) => valleys[i]![axis] + part * (to[axis] - valleys[i]![axis]),
        );
        return Math.abs(across! * right - middle) < half && Math.abs(climb! * up - y * up + dy) < 4;
      }),
    );
    assert.equal(under, [], `the curve goes through ${label}`);
  }
  const close = [
    [0, 90],
    [20, 0],
    [20.5, 3],
  ].map(([x, y], order) => ({ series: "a", order, x: x!, y: y!, label: "30" }));
  assert.ok(
    pointLabels([...close, { series: "b", order: 0, x: 22, y: 0, label: "1" }], 400, 250)
      .filter(({ y }) => y === 0)
      .every(({ align }) => align === "center"),
    "but never onto another",
  );
});

test.run();
