// Grids of images: what stands where, and maps over images.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeImage } from "../../src/data/decode.ts";
import { encodePng } from "../../src/data/encode-png.ts";
import { gridSpec, imageGrid, type ImageGrid } from "../../src/figures/image-grid.ts";
import { enlargedImage, overlaid, viridis } from "../../src/figures/overlay.ts";

const picture = enlargedImage(
  { height: 1, width: 2, channels: 1, pixels: Uint8Array.of(0, 200) },
  4,
);

test("an image is enlarged by whole pixels, floats as bytes, and a PNG file holds it", async () => {
  assert.equal([picture.height, picture.width], [2, 4]);
  const reds = (data: Uint8ClampedArray): number[] => [...data].filter((_, at) => at % 4 === 0);
  assert.equal(reds(picture.data), [0, 0, 200, 200, 0, 0, 200, 200]);
  const floats = { height: 1, width: 1, channels: 3, pixels: Float32Array.of(1, 0.2, 0) };
  assert.equal([...enlargedImage(floats, 1).data], [255, 51, 0, 255]);
  const back = await decodeImage(await encodePng(picture), "picture");
  assert.equal([...back.data], [...picture.data]);
});

test("a map is laid half over an image, its least value dark and its largest light", () => {
  const { data } = overlaid(picture, [-3, 5], { height: 1, width: 2 });
  const half = (grey: number, share: number): number[] => viridis(share).map((c) => (grey + c) / 2);
  const near = (at: number, want: readonly number[]): void =>
    want.forEach((value, c) => assert.ok(Math.abs(data[4 * at + c]! - value) <= 0.5));
  near(0, half(0, 0));
  near(3, half(200, 1));
  const level = overlaid(picture, [2, 2], { height: 1, width: 2 });
  assert.ok(level.data[3] === 255 && Math.abs(level.data[0]! - viridis(0)[0] / 2) <= 0.5);
  // Lightness rises evenly: by CIE 1976, from 15 to 91.
  const lightness = Array.from({ length: 9 }, (_, i) => {
    const [r, g, b] = viridis(i / 8).map((v) => ((v / 255 + 0.055) / 1.055) ** 2.4) as [
      number,
      number,
      number,
    ];
    return 116 * Math.cbrt(0.2126 * r + 0.7152 * g + 0.0722 * b) - 16;
  });
  const steps = lightness.slice(1).map((value, i) => value - lightness[i]!);
  assert.ok(
    steps.every((step) => Math.abs(step - 9.5) < 2),
    steps.join(" "),
  );
});

const grid: ImageGrid = {
  title: "Grid",
  subtitle: "two images",
  columns: [
    { name: "image", line: "" },
    { name: "a method with a very long name", line: "12 %" },
  ],
  rows: [
    {
      lines: ["first", "under it"],
      cells: [
        { image: picture, lines: [], description: "an image" },
        { image: picture, lines: ["answer <7>"], description: "its map" },
      ],
    },
  ],
  legend: { low: "least", high: "most", colours: ["#000000", "#ffffff"] },
};

test("a grid has every image with its description and lines, escaped, and is the same each time", async () => {
  const { svg, png } = await imageGrid(grid);
  assert.is([...svg.matchAll(/<image /g)].length, 2);
  for (const text of [
    "a method with a…",
    "12 %",
    "under it",
    "answer &lt;7&gt;",
    "least",
    "most",
  ]) {
    assert.ok(svg.includes(text), text);
  }
  assert.ok(svg.includes('aria-label="its map"'));
  assert.equal([...png.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
  assert.is((await imageGrid(grid)).svg, svg);
  const { layer } = (await gridSpec(grid)) as {
    layer: { data: { values: { x: number; y: number }[] } }[];
  };
  const [first, second] = layer[0]!.data.values;
  assert.ok(first!.y === second!.y && second!.x - first!.x >= 104);
});

test.run();
