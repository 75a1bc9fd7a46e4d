/** The report of runs: the same page as `rewind report` makes. */
import { workOn } from "../../api/work.ts";
import { splitForget } from "../../data/corrupt.ts";
import { load } from "../../index.ts";
import { gapsTo } from "../../metrics/final.ts";
import { scoreDefinitions } from "../../metrics/index.ts";
import { measureFinal } from "../../metrics/measure.ts";
import { Owned } from "../../gpu/owned.ts";
import { pageText } from "../../report/page.ts";
import { adapterLine, type UnlearnReport } from "../../report/report.ts";
import { runPage, type RunView } from "../../report/run-page.ts";
import { thumbnailsOf } from "../../report/thumbnails.ts";
import { describeAnswers } from "../../runs/answers.ts";
import { listed } from "../../registry.ts";
import { methodSettings } from "../../unlearn/methods/index.ts";
import type { Watch } from "../../train/replay.ts";
import type { Learning, Round } from "../messages.ts";
import { controlled } from "./control.ts";
import { type KeptRun, runOf } from "./runs.ts";

/** Images of D_f that a report names, as many as the command's. */
const mostNamed = 20;

/** What is measured once, at the end. */
async function finalPart(
  { opened, request, states }: KeptRun,
  watch: Watch,
): Promise<Partial<UnlearnReport>> {
  const { images, gpu } = opened;
  const { train, test } = images;
  const corrupted = { ...images, ...splitForget(train.count, request.forget) };
  const lacking = [
    ...(corrupted.retain.length === 0 ? ["training images outside D_f"] : []),
    ...(test.count === 0 ? ["test images"] : []),
  ];
  if (lacking.length > 0) {
    return { missing: `they need ${listed(lacking)}, and there are none` };
  }
  return Owned.within(async (owned) => {
    const model = owned.add(await load(states.at(-1)!, { gpu }));
    const work = owned.add(await workOn(model.model, model.info, corrupted, test));
    const final = await measureFinal(work, watch);
    return { final, gaps: gapsTo(final, undefined, "no network was retrained in the page") };
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
  const { train, labels, test } = images;
  const { forget, method } = request;
  const answers = ({ answers: { classes, confidence } }: Round) =>
    Array.from(classes, (one, i) => ({ class: train.classes[one]!, confidence: confidence[i]! }));
  const [first, last] = [history[0]!, history.at(-1)!];
  const settings = methodSettings(method, request.settings);
  const { info, training } = opened.network;
  const described = describeAnswers(
    { train, labels, forget },
    undefined,
    answers(rounds[0]!),
    answers(rounds.at(-1)!),
    mostNamed,
  );
  const report: UnlearnReport = {
    dataset: images.title,
    scenario: "chosen images",
    model: info.network.name,
    ...{ method, settings, seed: request.seed },
    images: { train: train.count, forget: forget.length, test: test.count },
    forgotten: { ...described, count: forget.length, copies: 0 },
    rounds: last.round,
    stoppedBy: reason ?? "hand",
    seconds: last.seconds,
    unlearnSeconds: last.seconds,
    adapter: adapterLine(gpu.adapter),
    runtime: gpu.adapter.runtimeVersion,
    gpuBytes: gpu.peakBytes,
    ...{ before: first.scores, after: last.scores },
    ...(await finalPart(run, watch)),
    definitions: scoreDefinitions(info.task),
    history,
  };
  // As the command reads it back: numbers that are none are null.
  const written = JSON.parse(JSON.stringify(report)) as UnlearnReport;
  const shown = await thumbnailsOf(train, described.images, forget);
  return {
    name,
    report: written,
    config: {
      network: info.network,
      ...(training && { training: taughtBy(training.learning) }),
      unlearning: {
        ...{ method, rounds: request.rounds },
        ...(request.until !== undefined && { forgetShare: request.until / 100 }),
        ...{ seed: request.seed, settings },
      },
    },
    training: training?.epochs ?? [],
    commands: [],
    noCommands: "the run is of the page for browsers",
    figures: [],
    images: shown,
    ...(shown.size === 0 && { noImages: "The images' values are no colours." }),
  };
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
