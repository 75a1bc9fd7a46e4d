/** Opening: what comes with the page, and what people bring. */
import { acquireDevice, type Classifier, type Gpu, load, save, splitForget } from "../../index.ts";
import type { GivenFile } from "../files.ts";
import type { ImageSettings, NetworkSaid, Scene } from "../messages.ts";
import { startImages } from "../start.ts";
import { readImages } from "./images.ts";
import { readClassifier } from "./network.ts";
import { ifOpened, opened, type OpenNetwork, setOpened } from "./opened.ts";
import { sceneOf } from "./scene.ts";

/** A classifier as it is kept; frees it. */
async function kept(model: Classifier, ofPage: boolean): Promise<OpenNetwork> {
  try {
    const weights = model.model.slots.reduce((sum, { size }) => sum + size, 0);
    return { file: await save(model), info: model.info, weights, ofPage };
  } finally {
    model.destroy();
  }
}

async function device(): Promise<Gpu> {
  return ifOpened()?.gpu ?? acquireDevice();
}

export async function open(address: string): Promise<Scene> {
  const gpu = await device();
  const network = await kept(await load(new URL(address), { gpu }), true);
  const images = { ...startImages(), title: "drawn digits", ofPage: true, notes: [] };
  setOpened({ gpu, images, network });
  return sceneOf(opened());
}

export async function openImages(settings: ImageSettings): Promise<Scene> {
  const { train, test, title, notes = [] } = await readImages(settings);
  const images = { train, test, title, notes, ofPage: false, labels: train.labels.slice() };
  setOpened({ ...opened(), images: { ...images, ...splitForget(train.count, []) } });
  return sceneOf(opened());
}

export async function openNetwork(said: NetworkSaid, files?: readonly GivenFile[]): Promise<Scene> {
  const network = await kept(await readClassifier(opened(), said, files), false);
  setOpened({ ...opened(), network });
  return sceneOf(opened());
}

export async function network(): Promise<Uint8Array<ArrayBuffer>> {
  return opened().network.file;
}
