// What the tests of the package run in every project: a training of a small network, and a prediction by the shipped InvWNN.
import {
  acquireDevice,
  classification,
  flatten,
  GpuDataset,
  loadPredictor,
  meanImage,
  Model,
  predictHistories,
  Random,
  relu,
  taskTrainer,
} from "rewind-webgpu";

/** Noisy squares: bright above (class 0) or below (class 1). */
function squares(count, random) {
  const labels = Uint16Array.from({ length: count }, (_, i) => i % 2);
  const pixels = Uint8Array.from({ length: count * 64 }, (_, at) => {
    const above = at % 64 < 32;
    return (above === (labels[Math.floor(at / 64)] === 0) ? 100 : 0) + random.int(100);
  });
  const size = { height: 8, width: 8, channels: 1 };
  return { name: "squares", classes: ["above", "below"], ...size, count, pixels, labels };
}

/** Mean loss of the epochs, the predicted weight, and what is said of a file that is not there. */
export async function run() {
  const gpu = await acquireDevice();
  try {
    const images = squares(32, new Random(1));
    const data = await GpuDataset.upload(gpu, images, meanImage(images));
    const model = await Model.create(
      gpu,
      {
        name: "two layers",
        inputs: [[8, 8, 1]],
        output: [2],
        build: (layers, [x]) =>
          layers.linear("head", relu(layers.linear("body", flatten(x), 12)), 2),
      },
      1,
    );
    const trainer = await taskTrainer(
      { model, task: classification },
      data,
      32,
      { batch: 8, optimizer: { name: "adam" } },
      { norm: "train" },
    );
    const losses = [];
    for (let seed = 1; seed <= 3; seed++) {
      const order = new Random(seed).permutation(32);
      losses.push((await trainer.epoch({ order, learningRate: 0.01, seed })).loss);
    }
    const predictor = await loadPredictor(undefined);
    const history = Array.from({ length: predictor.window }, (_, k) => Math.sin(k));
    const { predicted } = await predictHistories(gpu, predictor, predictor.sets[0], [history]);
    const missing = await loadPredictor("no/such.pt").catch(({ message }) => message);
    return { losses, predicted: predicted[0], missing };
  } finally {
    gpu.close();
  }
}
