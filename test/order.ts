/** Which test file runs next, and in what kind of process. */

/**
 * What takes most of a file's time on a software adapter. Kernels that are compiled once and run a few times are
 * compiled without optimisation, which takes about two thirds of the time; both give the same bits.
 */
export type Kind = "computing" | "compiling";

/**
 * Files whose kernels run for longer than their compilation takes: trainings of many steps. All others compile many
 * kernels, or none.
 */
const computing: readonly string[] = [
  "cli/cli.test.ts",
  "cli/predictor-train.test.ts",
  "experiments/experiment.test.ts",
  "faults/kill.test.ts",
  "io/pretrained.test.ts",
  "predictors-lab/fit.test.ts",
  "predictors-lab/library.test.ts",
  "train/resume.test.ts",
];

/** Files that take longest, the longest of each kind first: short ones fill the time that is left in the end. */
const longest: readonly string[] = [
  "experiments/experiment.test.ts",
  "web/page.test.ts",
  "package/package.test.ts",
  "faults/kill.test.ts",
  "cli/device-lost.test.ts",
  "predictors/invwnn.test.ts",
  "cli/cli.test.ts",
  "predictors-lab/fit.test.ts",
  "predictors-lab/library.test.ts",
  "train/resume.test.ts",
  "io/pretrained.test.ts",
  "ops/conv2d.test.ts",
  "ops/linear.test.ts",
  "fuzz/fuzz.test.ts",
  "gradients.test.ts",
  "shaders.test.ts",
  "cli/bad-input.test.ts",
  "cli/demo.test.ts",
  "readme.test.ts",
  "package/jsr.test.ts",
  "unlearn/methods.test.ts",
  "bench/gpu-hour.test.ts",
  "cli/diffusion.test.ts",
  "data/image-files.test.ts",
  "experiments/diffusion.test.ts",
  "api/library.test.ts",
  "ops/attention.test.ts",
  "runs/memory-advice.test.ts",
];

/** Files that {@link Waiting} knows by name: a name that no file has is a mistake. */
export const namedInOrder: readonly string[] = [...computing, ...longest];

/** The kind of process that a file runs in. */
export function kindOf(file: string): Kind {
  return computing.includes(file) ? "computing" : "compiling";
}

/** Files that no process has taken yet. */
export class Waiting {
  readonly #files: string[];

  constructor(files: readonly string[]) {
    const place = (file: string): number =>
      longest.includes(file) ? longest.indexOf(file) : longest.length;
    this.#files = [...files].sort((a, b) => place(a) - place(b));
  }

  /** The longest file of a kind, or of any kind where none is left of that one. */
  take(kind: Kind): string | undefined {
    const found = this.#files.findIndex((file) => kindOf(file) === kind);
    return this.#files.splice(Math.max(0, found), 1)[0];
  }
}
