/** Opening: a network with the images that it was trained on. */
import { acquireDevice, load, save } from "../../index.ts";
import type { Scene } from "../messages.ts";
import { startImages } from "../start.ts";
import { ifOpened, opened, setOpened } from "./opened.ts";
import { sceneOf } from "./scene.ts";

export async function open(address: string): Promise<Scene> {
  const gpu = ifOpened()?.gpu ?? (await acquireDevice());
  const model = await load(new URL(address), { gpu });
  const file = await save(model);
  model.destroy();
  setOpened({ gpu, images: startImages(), file });
  return sceneOf(opened());
}
