/** What is open, as the page shows it. */
import { transfer } from "comlink";
import { type AdapterReport, imageName, load, methods, metrics } from "../../index.ts";
import type { Scene } from "../messages.ts";
import type { Opened } from "./opened.ts";

/** What an adapter calls itself: some give no description. */
function nameOf({ description, architecture, vendor }: AdapterReport): string {
  return (
    [description, architecture, vendor].find((name) => name !== "") ?? "an adapter without a name"
  );
}

export async function sceneOf({ gpu, images, file }: Opened): Promise<Scene> {
  const { train, labels } = images;
  const model = await load(file, { gpu });
  const { network, classes } = model.info;
  const weights = model.model.slots.reduce((sum, { size }) => sum + size, 0);
  model.destroy();
  const { count } = train;
  const scene: Scene = {
    adapter: nameOf(gpu.adapter),
    software: gpu.adapter.software,
    ...{ network: network.name, weights, classes },
    images: {
      ...{ height: train.height, width: train.width, channels: train.channels, count },
      pixels: train.pixels.slice() as Uint8Array<ArrayBuffer>,
      names: Array.from({ length: count }, (_, place) => imageName(train, place)),
      ...{ labels, truth: train.labels },
    },
    wrong: images.forget,
    methods: methods.all.map(({ name, summary }) => ({ name, text: summary })),
    shares: metrics.all.flatMap((metric) =>
      metric.needs === "totals" && metric.unit === "%"
        ? [{ name: metric.name, text: metric.label }]
        : [],
    ),
  };
  return transfer(scene, [scene.images.pixels.buffer]);
}
