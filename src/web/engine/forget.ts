/** Unlearning: the network is kept after every round. */
import {
  type AfterRound,
  load,
  predict,
  type Progress,
  save,
  type StopReason,
  subset,
  unlearn,
} from "../../index.ts";
import type { Request, Round } from "../messages.ts";
import { controlled } from "./control.ts";
import { opened } from "./opened.ts";
import { keepRun, movesIn } from "./runs.ts";

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

/** Share of a run's rounds and of the one under way, from reports of passes over data. */
function passes(onProgress: (share: number) => void): (done: number, total: number) => void {
  return (done, total) => onProgress(total === 0 ? 1 : done / total);
}

export function forget(
  request: Request,
  onRound: (round: Round) => void,
  onProgress: (share: number) => void,
): Promise<string> {
  return controlled(async ({ signal, breathe }) => {
    const { forget, method, rounds } = request;
    const run = keepRun(request, opened());
    const { gpu, images, file } = run.opened;
    const { train, labels, test, sets } = images;
    const model = await load(file, { gpu });
    const gone = subset({ ...train, labels }, [...forget]);
    let before = await model.model.save();
    const seen = async (progress: Progress, after?: AfterRound): Promise<void> => {
      const { round, seconds, scores } = progress;
      const now = await model.model.save();
      run.history.push(progress);
      run.states.push(await save(model));
      run.moves.push(await movesIn(model, after?.recording, round, before, now));
      before = now;
      const { classes, confidence } = await predict(model, gone);
      run.rounds.push({ round, seconds, scores, answers: { classes, confidence } });
      onRound(run.rounds.at(-1)!);
      await breathe();
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
      run.reason = reason;
      return reasons[reason];
    } finally {
      model.destroy();
    }
  });
}
