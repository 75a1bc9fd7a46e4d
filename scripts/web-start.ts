/** `npx tsx scripts/web-start.ts`: trains the network that the page opens with, into src/web/start.safetensors. */
import { acquireDevice, save, train } from "../src/index.ts";
import { startImages, startTraining } from "../src/web/start.ts";

const { network, settings, epochs, batch, learningRate, seed } = startTraining;
const { train: set, labels } = startImages();
const gpu = await acquireDevice();
const model = await train(
  network,
  { train: set, labels },
  {
    ...{ gpu, network: settings, epochs, batch, learningRate, seed },
  },
);
await save(model, "src/web/start.safetensors");
model.destroy();
gpu.close();
