/** `--allow-nonfinite`: files whose numbers are not all finite. */
import type { Command } from "commander";

/** The flag of {@link nonfiniteOption}. */
export interface NonfiniteFlags {
  allowNonfinite?: true;
}

/** Adds `--allow-nonfinite`. */
export function nonfiniteOption(command: Command): Command {
  return command.option(
    "--allow-nonfinite",
    "take weights of files that are NaN or infinite as they are",
  );
}

/** A predictor's text as `loadPredictor` takes it. */
export function takenPredictor<T extends string | undefined>(
  spec: T,
  { allowNonfinite }: NonfiniteFlags,
): T {
  return (spec !== undefined && allowNonfinite === true ? `nonfinite:${spec}` : spec) as T;
}
