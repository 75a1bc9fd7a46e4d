/** `npx tsx scripts/web-start.ts`: trains the network that the page opens with, into src/web/start.safetensors. */
import { acquireDevice, save, train } from "../src/index.ts";
import { startImages, startTraining } from "../src/web/start.ts";

const { network, settings, epochs, batch, learningRate, seed } = startTraining;
const gpu = await acquireDevice();
const model = await train(network, startImages(), {
  ...{ gpu, network: settings, epochs, batch, learningRate, seed },
});
await save(model, "src/web/start.safetensors");
model.destroy();
gpu.close();
