import { type Dataset, Random } from "../../src/index.ts";
import { datasets, defineDataset, resized } from "../../src/entries/data.ts";

const side = 8;
const sizes = { size: side, channels: 1, classes: 2, train: 200, test: 100 } as const;

/** Noisy ramps that grow brighter downwards (class 0) or to the right (class 1). */
function ramps(count: number, random: Random): Dataset {
  const labels = Uint16Array.from({ length: count }, (_, i) => i % 2);
  const pixels = Uint8Array.from({ length: count * side * side }, (_, at) => {
    const [row, column] = [Math.floor(at / side) % side, at % side];
    const along = labels[Math.floor(at / side / side)] === 0 ? row : column;
    return 20 * along + random.int(100);
  });
  const classes = ["down", "right"];
  return { name: "ramps", classes, height: side, width: side, channels: 1, count, pixels, labels };
}

export const rampsSource = defineDataset({
  name: "ramps",
  summary: "ramps drawn by program, 8×8 grey",
  folder: false,
  sizes,
  drawn: true,
  async load(_dir, options) {
    const { trainCount = sizes.train, testCount = sizes.test, seed } = options;
    const random = new Random(seed);
    const train = ramps(trainCount, random.fork("train"));
    return resized({ train, test: ramps(testCount, random.fork("test")) }, options);
  },
});

datasets.add(rampsSource);
