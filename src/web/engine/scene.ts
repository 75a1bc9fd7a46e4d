/** What is open, as the page shows it. */
import { transfer } from "comlink";
import { inClassOrder } from "../../data/class-names.ts";
import { bytesOf, storedSize } from "../../data/dataset.ts";
import { adapterName } from "../../gpu/adapter.ts";
import { type Dataset, imageName, methods, metrics, networks, scenarios } from "../../index.ts";
import { namedNetworks } from "../../../models/index.ts";
import { preprocessingNames } from "../../nn/preprocessing.ts";
import type { Images, Scene } from "../messages.ts";
import { fieldsOf } from "./fields.ts";
import type { OpenImages, Opened, OpenNetwork } from "./opened.ts";

/** Values as bytes; floats from the least, black, to the largest, white. */
function drawable({ pixels }: Dataset): Uint8Array<ArrayBuffer> {
  if (pixels instanceof Uint8Array) return bytesOf(pixels).slice();
  let [least, most] = [Infinity, -Infinity];
  for (const value of pixels) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const scale = most > least ? 255 / (most - least) : 0;
  return Uint8Array.from(pixels, (value) => (value - least) * scale);
}

function imagesOf({ train, labels }: OpenImages): Images {
  const { channels, count } = train;
  return {
    ...storedSize(train),
    ...{ channels, count, pixels: drawable(train) },
    names: Array.from({ length: count }, (_, place) => imageName(train, place)),
    ...{ labels, truth: train.labels },
  };
}

/** Why a network cannot forget images, in a sentence; undefined where it can. */
function problemOf({ images, network }: Opened): string | undefined {
  const { input, classes } = network.info;
  const { train } = images;
  if (network.ofPage && !images.ofPage) {
    return "The network that came with the page learnt other images: open the one that learnt these, or train one.";
  }
  const size = [train.height, train.width, train.channels];
  if (!input.every((side, i) => side === size[i])) {
    return `The network sees images of ${input.join("×")}, and these are ${size.join("×")}: open those that it learnt, or train a network on these.`;
  }
  try {
    inClassOrder(train, classes);
  } catch (cause) {
    return `The network learnt other classes: ${(cause as Error).message}`;
  }
  return undefined;
}

/** Images whose labels are in the order of a network's classes. @throws DataError where it has not all of them. */
export function inOrderOf(images: OpenImages, classes: readonly string[]): OpenImages {
  const { train, test, sets = {} } = images;
  const ordered = inClassOrder(train, classes);
  return {
    ...images,
    train: ordered,
    labels: inClassOrder({ ...train, labels: images.labels }, classes).labels.slice(),
    test: inClassOrder(test, classes),
    sets: Object.fromEntries(
      Object.entries(sets).map(([name, set]) => [name, inClassOrder(set, classes)]),
    ),
  };
}

/** What happens to an image before a network sees it: "x / 255 - 0.5, then / 0.5". */
function preparedBy({ info: { preprocessing, input } }: OpenNetwork): string {
  const { mean, deviation } = preprocessing;
  const channels = input[2];
  const list = (values: Iterable<number>): string => {
    const texts = [...values].map((value) => String(Number(value.toPrecision(4))));
    return new Set(texts).size === 1 ? texts[0]! : `(${texts.join(", ")})`;
  };
  const subtracted =
    mean.length === channels
      ? mean.every((value) => value === 0)
        ? "as it is, 0 to 1"
        : `minus ${list(mean)}`
      : "minus the mean image";
  return deviation === undefined ? subtracted : `${subtracted}, over ${list(deviation)}`;
}

export function sceneOf(opened: Opened): Scene {
  const { gpu, network } = opened;
  const problem = problemOf(opened);
  const { classes } = network.info;
  const images = problem === undefined ? inOrderOf(opened.images, classes) : opened.images;
  const scene: Scene = {
    adapter: adapterName(gpu.adapter),
    software: gpu.adapter.software,
    ...{ network: network.info.network.name, weights: network.weights },
    prepared: preparedBy(network),
    classes: images.train.classes,
    ...{ title: images.title, tests: images.test.count, notes: images.notes, problem },
    images: imagesOf(images),
    wrong: images.forget,
    methods: methods.all.map(({ name, summary, settings, reference }) => ({
      ...{ name, text: summary, fields: fieldsOf(settings), lands: reference !== true },
    })),
    scenarios: scenarios.all.map(({ name, summary, settings, options }) => ({
      ...{ name, text: summary, fields: fieldsOf(settings, options) },
    })),
    scenario: images.scenario,
    networks: namedNetworks(["classification"]).map((name) => {
      const { settings, options } = networks.find(name);
      return { name, text: "", fields: fieldsOf(settings, options) };
    }),
    prepareds: preprocessingNames,
    shares: metrics.all.flatMap((metric) =>
      metric.needs === "totals" && metric.unit === "%"
        ? [
            {
              ...{ name: metric.name, text: metric.label },
              ofOthers: metric.on === "retain" && metric.better === "higher",
            },
          ]
        : [],
    ),
  };
  return transfer(scene, [scene.images.pixels.buffer]);
}
