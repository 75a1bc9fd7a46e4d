/**
 * How predictors did against the straight line, purpose by purpose: what `predictor show` says of them.
 *
 * Thirty seeds at a small size; the numbers are those of `bench/results/small`, which a test compares.
 */
import { textTable } from "../report/table.ts";

/** A predictor against the straight line in one experiment. */
export interface Standing {
  /** The experiment. */
  readonly purpose: string;
  /** Data set and network. */
  readonly on: string;
  /** Folder of `bench/results/small`. */
  readonly results: string;
  /** What is compared, with its unit; a lower one is better where it says so. */
  readonly statistic: string;
  /** Mean difference, predictor minus line, and its 95 % interval, as printed. */
  readonly difference: string;
  readonly interval: readonly [string, string];
  /** Difference that counts: within less, both are taken for equal. */
  readonly margin: number;
  /** By three planned comparisons' corrected p, and a test of equality; "not shown": neither. */
  readonly verdict: "better" | "worse" | "equal" | "not shown";
}

const experiments = {
  "label-noise-mnist": ["label-noise", "MNIST, MLP", "gained test accuracy, points", 1],
  "label-noise-cifar": ["label-noise", "CIFAR-10, CNN", "gained test accuracy, points", 1],
  "backdoor-mnist": ["backdoor", "MNIST, MLP", "D_f taken for its true class, %", 2],
  "backdoor-cifar": ["backdoor", "CIFAR-10, CNN", "D_f taken for its true class, %", 2],
  "standard-mnist": ["standard", "MNIST, MLP", "test accuracy, %", 0.5],
  "standard-cifar": ["standard", "CIFAR-10, CNN", "test accuracy, %", 0.5],
  "overfit-mnist": ["overfit", "MNIST, MLP", "test cross-entropy, nats; lower is better", 0.1],
  "overfit-cifar": ["overfit", "CIFAR-10, CNN", "test cross-entropy, nats; lower is better", 0.1],
} as const;

function standing(
  results: keyof typeof experiments,
  difference: string,
  interval: Standing["interval"],
  verdict: Standing["verdict"],
): Standing {
  const [purpose, on, statistic, margin] = experiments[results];
  return { purpose, on, results, statistic, difference, interval, margin, verdict };
}

/** By what `--predictor` says: the shipped InvWNN, and the late line. */
const standings = {
  shipped: [
    standing("label-noise-mnist", "-0.28", ["-0.40", "-0.17"], "worse"),
    standing("label-noise-cifar", "0.04", ["-0.14", "0.22"], "equal"),
    standing("backdoor-mnist", "-0.44", ["-0.91", "0.03"], "equal"),
    standing("backdoor-cifar", "-0.69", ["-2.09", "0.71"], "equal"),
    standing("standard-mnist", "-0.28", ["-0.48", "-0.07"], "worse"),
    standing("standard-cifar", "-0.78", ["-1.27", "-0.30"], "worse"),
    standing("overfit-mnist", "0.019", ["0.013", "0.025"], "worse"),
    standing("overfit-cifar", "-0.714", ["-0.818", "-0.609"], "better"),
  ],
  late: [
    standing("label-noise-mnist", "-0.08", ["-0.23", "0.08"], "equal"),
    standing("label-noise-cifar", "-0.24", ["-0.43", "-0.04"], "worse"),
    standing("backdoor-mnist", "0.06", ["-0.03", "0.16"], "equal"),
    standing("backdoor-cifar", "1.47", ["0.74", "2.19"], "better"),
    standing("standard-mnist", "0.27", ["0.10", "0.44"], "better"),
    standing("standard-cifar", "0.72", ["0.19", "1.25"], "better"),
    standing("overfit-mnist", "-0.001", ["-0.007", "0.006"], "equal"),
    standing("overfit-cifar", "-0.233", ["-0.292", "-0.174"], "better"),
  ],
} as const satisfies Record<string, readonly Standing[]>;

/** What was measured of a predictor by what `--predictor` says; undefined for others. */
export function standingOf(spec: string | undefined): readonly Standing[] | undefined {
  if (spec === undefined) return standings.shipped;
  return spec === "late" ? standings.late : undefined;
}

/** What stands above the table of the predictor that is taken where none is named. */
const whyDefault =
  "It is the default of every purpose because it is the paper's method. Where D_f's labels are wrong, or carry a\n" +
  "backdoor, the straight line is as good and cheaper: --predictor linear. Where they are right and the images must\n" +
  "go (`standard`), --predictor late is better than this: by 0.55 points [0.35, 0.75] on MNIST, by 1.50\n" +
  "[0.83, 2.17] on CIFAR-10. Against too few samples (`overfit`) this one is better than the lines on CIFAR-10, with\n" +
  "steps 64 times as long as predicted, measured where such a step crosses the level: `rewind unlearn --until-loss N\n" +
  "--land --set strength=64`, never without --land. A temperature does more than any of them.\n\n";

/** The table as text. */
export function standingText(spec: string | undefined, rows: readonly Standing[]): string {
  const table = textTable(
    [
      { title: "purpose" },
      { title: "on", words: true },
      { title: "what is compared", words: true },
      { title: "difference [95 %]" },
      { title: "counts from" },
      { title: "verdict", words: true },
    ],
    rows.map(({ purpose, on, statistic, difference, interval, margin, verdict }) => [
      ...[purpose, on, statistic, `${difference} [${interval.join(", ")}]`, String(margin)],
      verdict,
    ]),
  );
  return (
    `${spec === undefined ? whyDefault : ""}Against the straight line, thirty seeds at a small size ` +
    "(bench/results/small). A difference\nsmaller than the one that counts may be shown and matters little.\n" +
    table
  );
}
