/** `rewind predict`: applies a predictor to histories from a file. */
import type { Command } from "commander";
import { z } from "zod";
import { DataError, UsageError } from "../errors.ts";
import { readText, requireWritable, writeAtomic } from "../platform/files.ts";
import { parseJson } from "../platform/json.ts";
import { loadPredictor, predictorFiles } from "../predictors/index.ts";
import { predictHistories } from "../predictors/histories.ts";
import { requireSingle } from "../predictors/predictor.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";
import { example } from "./examples.ts";
import { type NonfiniteFlags, nonfiniteOption, takenPredictor } from "./nonfinite.ts";
import { answer } from "./output.ts";
import { validate } from "./parse.ts";
import { requireReplaceable } from "./replaced-files.ts";

const historiesSchema = z.looseObject({
  cases: z.array(z.looseObject({ history: z.array(z.number()).min(2) })).min(1),
});

const predictedSchema = z.looseObject({
  predictor: z.string(),
  cases: z.array(z.looseObject({ predicted: z.number(), residual: z.number() })).min(1),
});

/** Whether bytes are what this command wrote. */
function arePredicted(bytes: Uint8Array): boolean {
  return predictedSchema.safeParse(parseJson(new TextDecoder().decode(bytes))).success;
}

export function registerPredict(command: Command): void {
  command
    .requiredOption("--predictor <path>", "a .h5 or .safetensors file, linear, or linear:U")
    .requiredOption("--histories <file>", '{"cases": [{"history": [oldest … newest]} …]}')
    .requiredOption("--out <file>", "the same cases with predicted and residual")
    .option("--set <name>", "weight set of a predictor folder: conv, fc or bias");
  example(
    command,
    "the straight line, three epochs back",
    "rewind predict --predictor linear:3 --histories histories.json",
    "--out predicted.json",
  );
  deviceOptions(nonfiniteOption(command)).action(
    async (
      flags: DeviceFlags &
        NonfiniteFlags & { predictor: string; histories: string; out: string; set?: string },
    ) => {
      let parsed: unknown;
      try {
        parsed = JSON.parse(await readText(flags.histories));
      } catch (cause) {
        if (cause instanceof SyntaxError)
          throw new DataError(`"${flags.histories}" is not JSON: ${cause.message}.`, { cause });
        throw cause;
      }
      const input = validate(historiesSchema, parsed, `"${flags.histories}"`, DataError);
      const predictor = await loadPredictor(takenPredictor(flags.predictor, flags));
      requireSingle(predictor);
      const named =
        flags.set === undefined ? undefined : predictor.sets.find((set) => set.name === flags.set);
      const set =
        named ??
        (predictor.sets.length === 1 && flags.set === undefined ? predictor.sets[0] : undefined);
      if (set === undefined) {
        const names = predictor.sets.map((one) => one.name).join(", ");
        throw new UsageError(
          `which weight set of "${flags.predictor}"? Give --set with one of: ${names}.`,
        );
      }
      await requireReplaceable(
        flags.out,
        [{ path: flags.out, isOwn: arePredicted }],
        [flags.histories, ...(await predictorFiles(flags.predictor))],
      );
      await requireWritable(flags.out);
      const gpu = await openDevice(flags);
      const { residual, predicted } = await predictHistories(
        gpu,
        predictor,
        set,
        input.cases.map((one) => one.history),
      );
      const bad = predicted.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) {
        throw new DataError(
          `case ${bad} of "${flags.histories}": predictor "${predictor.name}" gives ${predicted[bad]}. Its history ` +
            "is far outside what predictors are made for (weights of trained networks); leave it out.",
        );
      }
      const cases = input.cases.map((one, i) => ({
        ...one,
        predicted: predicted[i],
        residual: residual[i],
      }));
      const result = {
        ...input,
        predictor: predictor.name,
        set: set.name,
        base: predictor.base,
        cases,
      };
      await writeAtomic(flags.out, `${JSON.stringify(result, null, 1)}\n`);
      answer(
        {
          out: flags.out,
          predictions: cases.length,
          predictor: predictor.name,
          set: set.name,
          base: predictor.base,
        },
        `${cases.length} predictions in ${flags.out}`,
      );
    },
  );
}
