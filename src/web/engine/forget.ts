/** Unlearning: the network is kept after every round. */
import {
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

/** Checkpoints of the last run, the untouched network first. */
let states: Uint8Array<ArrayBuffer>[] = [];

/** Share of a run's rounds and of the one under way, from reports of passes over data. */
function passes(onProgress: (share: number) => void): (done: number, total: number) => void {
  return (done, total) => onProgress(total === 0 ? 1 : done / total);
}

export function forget(
  { forget, method, rounds }: Request,
  onRound: (round: Round) => void,
  onProgress: (share: number) => void,
): Promise<string> {
  return controlled(async ({ signal, breathe }) => {
    const { gpu, images, file } = opened();
    const { train, labels, test, sets } = images;
    const model = await load(file, { gpu });
    states = [];
    const gone = subset({ ...train, labels }, [...forget]);
    const seen = async ({ round, seconds, scores }: Progress): Promise<void> => {
      states.push(await save(model));
      const { classes, confidence } = await predict(model, gone);
      onRound({ round, seconds, scores, answers: { classes, confidence } });
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
      return reasons[reason];
    } finally {
      model.destroy();
    }
  });
}

export async function checkpoint(round: number): Promise<Uint8Array<ArrayBuffer>> {
  const state = states[round];
  if (state === undefined) throw new Error(`there is no state of round ${round}.`);
  return state;
}
