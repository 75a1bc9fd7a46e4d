/** The report of runs: the same page as `rewind report` makes. */
import { workOn } from "../../api/work.ts";
import { splitForget } from "../../data/corrupt.ts";
import { load } from "../../index.ts";
import type { Final } from "../../metrics/final.ts";
import { measureFinal } from "../../metrics/measure.ts";
import { Owned } from "../../gpu/owned.ts";
import { pageText } from "../../report/page.ts";
import { runPage, type RunView } from "../../report/run-page.ts";
import { viewOfRecord } from "../../runs/unlearn-page.ts";
import { methodSettings } from "../../unlearn/methods/index.ts";
import type { Watch } from "../../train/replay.ts";
import type { Learning, Round } from "../messages.ts";
import { controlled } from "./control.ts";
import { ready } from "./opened.ts";
import { type KeptRun, runOf } from "./runs.ts";

/** What is measured once, at the end; undefined where there are no images to measure it on. */
async function finalOf(
  { opened, request, states }: KeptRun,
  watch: Watch,
): Promise<Final | undefined> {
  const { images } = opened;
  // The run's own may be lost since.
  const { gpu } = await ready();
  const { train, test } = images;
  const corrupted = { ...images, ...splitForget(train.count, request.forget) };
  if (corrupted.retain.length === 0 || test.count === 0) return undefined;
  return Owned.within(async (owned) => {
    const model = owned.add(await load(states.at(-1)!, { gpu }));
    const work = owned.add(await workOn(model.model, model.info, corrupted, test));
    return measureFinal(work, watch);
  });
}

/** What is said of a training, besides the network. */
function taughtBy({
  epochs,
  batch,
  learningRate,
  seed,
}: Learning): Omit<Learning, "model" | "settings"> {
  return { epochs, batch, learningRate, seed };
}

async function viewOf(run: KeptRun, name: string, watch: Watch): Promise<RunView> {
  const { request, opened, history, rounds, reason } = run;
  const { gpu, images } = opened;
  const { info, training } = opened.network;
  const answers = ({ answers: { classes, confidence } }: Round) =>
    Array.from(classes, (one, i) => ({ class: one, confidence: confidence[i]! }));
  const { method, seed } = request;
  const final = await finalOf(run, watch);
  return viewOfRecord(
    {
      ...{ history, reason: reason ?? "hand", method, seed, info },
      settings: methodSettings(method, request.settings),
      until: {
        rounds: request.rounds,
        ...(request.until !== undefined && {
          forgetShare: request.until / 100,
          land: request.land,
        }),
      },
      ...{ train: images.train, labels: images.labels, forget: Uint32Array.from(request.forget) },
      testImages: images.test.count,
      answers: { before: answers(rounds[0]!), after: answers(rounds.at(-1)!) },
      ...{ adapter: gpu.adapter, gpuBytes: gpu.peakBytes },
      ...(final && { final }),
    },
    {
      ...{ name, dataset: images.title, noCommands: "the run is of the page for browsers" },
      training: training?.epochs ?? [],
      config: { ...(training && { training: taughtBy(training.learning) }) },
    },
  );
}

/** Share of the work for a run that its measurements take; drawing the page is the rest. */
const measured = 0.8;

/** A page of runs, by their numbers. */
export function report(
  numbers: readonly number[],
  onProgress: (share: number) => void,
): Promise<string> {
  return controlled(async ({ signal }) => {
    const views: RunView[] = [];
    for (const number of numbers) {
      const run = runOf(number);
      const progress = (done: number, total: number): void =>
        onProgress((views.length + (measured * done) / total) / numbers.length);
      const name = `${run.request.method} (run ${number})`;
      views.push(await viewOf(run, name, { signal, progress }));
      signal.throwIfAborted();
    }
    return pageText(await runPage(views));
  });
}
