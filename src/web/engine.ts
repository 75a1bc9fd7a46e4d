/** The engine of the page: a worker, so that the page stays free. It keeps the network after every round. */
import { expose, transfer } from "comlink";
import {
  acquireDevice,
  type AdapterReport,
  type Gpu,
  imageName,
  load,
  methods,
  metrics,
  predict,
  type Progress,
  save,
  type StopReason,
  subset,
  unlearn,
} from "../index.ts";
import type { Engine, Request, Round, Scene } from "./messages.ts";
import { type StartImages, startImages } from "./start.ts";

/** Why a run ended, in words. */
const reasons: Readonly<Record<StopReason, string>> = {
  rounds: "all rounds are done",
  "unlearning accuracy": "enough is forgotten",
  "forget share": "enough is forgotten",
  "forget loss": "enough is forgotten",
  "test floor": "the test accuracy fell too far",
  seconds: "the time is up",
  diverged: "the weights became infinite",
};

/** What is open. */
interface Open {
  readonly gpu: Gpu;
  readonly images: StartImages;
  /** The network as it was opened. */
  readonly file: Uint8Array<ArrayBuffer>;
}

let open: Open | undefined;
/** Checkpoints of the last run, the untouched network first. */
let states: Uint8Array<ArrayBuffer>[] = [];
let controller: AbortController | undefined;
let resume: (() => void) | undefined;
let held: Promise<void> | undefined;

function opened(): Open {
  if (open === undefined) throw new Error("no network is open yet.");
  return open;
}

/** What an adapter calls itself: some give no description. */
function nameOf({ description, architecture, vendor }: AdapterReport): string {
  return (
    [description, architecture, vendor].find((name) => name !== "") ?? "an adapter without a name"
  );
}

/** Share of a run's rounds and of the one under way, from reports of passes over data. */
function passes(onProgress: (share: number) => void): (done: number, total: number) => void {
  return (done, total) => onProgress(total === 0 ? 1 : done / total);
}

const engine: Engine = {
  async open(address) {
    const gpu = open?.gpu ?? (await acquireDevice());
    const images = startImages();
    const model = await load(new URL(address), { gpu });
    const { train, labels } = images;
    const { network, classes } = model.info;
    const weights = model.model.slots.reduce((sum, { size }) => sum + size, 0);
    const file = await save(model);
    model.destroy();
    open = { gpu, images, file };
    states = [file];
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
  },

  async forget({ forget, method, rounds }: Request, onRound, onProgress) {
    const { gpu, images, file } = opened();
    controller = new AbortController();
    const { signal } = controller;
    const { train, labels, test, sets } = images;
    const model = await load(file, { gpu });
    states = [];
    const gone = subset({ ...train, labels }, [...forget]);
    const seen = async ({ round, seconds, scores }: Progress): Promise<void> => {
      states.push(await save(model));
      const { classes, confidence } = await predict(model, gone);
      const said: Round = { round, seconds, scores, answers: { classes, confidence } };
      onRound(said);
      await held;
      signal.throwIfAborted();
    };
    try {
      const { reason } = await unlearn(
        model,
        { train, labels, test, forget, ...(sets === undefined ? {} : { sets }) },
        {
          ...{ method, until: { rounds }, onStart: seen, onRound: seen },
          watch: { signal, progress: passes(onProgress) },
        },
      );
      return reasons[reason];
    } finally {
      controller = undefined;
      model.destroy();
    }
  },

  cancel() {
    engine.pause(false);
    controller?.abort();
  },

  pause(paused) {
    if (!paused) {
      resume?.();
      held = undefined;
    } else if (controller !== undefined) {
      held ??= new Promise((resolve) => (resume = resolve));
    }
  },

  async checkpoint(round) {
    const state = states[round];
    if (state === undefined) throw new Error(`there is no state of round ${round}.`);
    return state;
  },
};

expose(engine);
