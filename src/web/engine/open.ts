/** Opening: what comes with the page, and what people bring. */
import { checked } from "../../checked.ts";
import {
  acquireDevice,
  type Classifier,
  corrupt,
  type Gpu,
  load,
  save,
  splitForget,
} from "../../index.ts";
import { scenarioSchema } from "../../scenarios/index.ts";
import type { GivenFile } from "../files.ts";
import type { ImageSettings, NetworkSaid, Scene, Wrong } from "../messages.ts";
import { startImages, startTraining } from "../start.ts";
import { readImages } from "./images.ts";
import { readClassifier } from "./network.ts";
import { ifOpened, opened, ready, type OpenImages, type OpenNetwork, setOpened } from "./opened.ts";
import { sceneOf } from "./scene.ts";

/** A classifier as it is kept; frees it. */
export async function kept(model: Classifier, ofPage: boolean): Promise<OpenNetwork> {
  try {
    const weights = model.model.slots.reduce((sum, { size }) => sum + size, 0);
    return { file: await save(model), info: model.info, weights, ofPage };
  } finally {
    model.destroy();
  }
}

async function device(): Promise<Gpu> {
  return ifOpened() === undefined ? acquireDevice() : (await ready()).gpu;
}

export async function open(address: string): Promise<Scene> {
  const gpu = await device();
  const network = await kept(await load(new URL(address), { gpu }), true);
  const { clean, ...start } = startImages();
  const about = {
    title: "drawn digits",
    ofPage: true,
    notes: [],
    scenario: startTraining.scenario,
  };
  const images = { ...start, ...about, clean: { train: clean, test: start.test } };
  setOpened({ gpu, images, network });
  return sceneOf(opened());
}

export async function openImages(
  settings: ImageSettings,
  onProgress: (share: number) => void,
  files?: readonly GivenFile[],
): Promise<Scene> {
  const { train, test, title, notes = [] } = await readImages(settings, onProgress, files);
  setOpened({ ...opened(), images: asTheyAre({ title, notes, clean: { train, test } }) });
  return sceneOf(opened());
}

function asTheyAre({
  title,
  notes,
  clean,
}: Pick<OpenImages, "title" | "notes" | "clean">): OpenImages {
  const { train, test } = clean;
  const about = { title, notes, clean, ofPage: false, scenario: undefined };
  return { ...about, train, test, labels: train.labels.slice(), ...splitForget(train.count, []) };
}

export async function makeWrong(scenario: Wrong | undefined): Promise<Scene> {
  const before = opened().images;
  const { train, test } = before.clean;
  const { seed = 0, ...settings } = scenario ?? {};
  const images =
    scenario === undefined
      ? asTheyAre(before)
      : {
          ...asTheyAre(before),
          ...corrupt(train, test, checked(scenarioSchema, settings, "the scenario"), seed),
          scenario: scenario.name,
        };
  setOpened({ ...opened(), images });
  return sceneOf(opened());
}

export async function openNetwork(said: NetworkSaid, files?: readonly GivenFile[]): Promise<Scene> {
  const network = await kept(await readClassifier(await ready(), said, files), false);
  setOpened({ ...opened(), network });
  return sceneOf(opened());
}

export async function network(): Promise<Uint8Array<ArrayBuffer>> {
  return opened().network.file;
}
