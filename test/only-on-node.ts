/**
 * Test files that Node runs and Deno does not repeat, each with the reason why nothing new can differ
 * there. What Deno runs: every kernel, whatever reads or writes files, decoding, signals, and one run from
 * end to end (cli/demo.test.ts).
 */
const reasons: Readonly<Record<string, readonly string[]>> = {
  "arithmetic without a device or a file": [
    "analysis/moves.test.ts",
    "analysis/perturbations.test.ts",
    "analysis/signature.test.ts",
    "bench/compare.test.ts",
    "cli/flags.test.ts",
    "cli/setting-options.test.ts",
    "cli/setup.test.ts",
    "experiments/earlier.test.ts",
    "experiments/nowcast.test.ts",
    "experiments/statistic.test.ts",
    "graph/memory-plan.test.ts",
    "lint.test.ts",
    "members.test.ts",
    "metrics/class-shares.test.ts",
    "metrics/final.test.ts",
    "metrics/kernel-distance.test.ts",
    "metrics/lira.test.ts",
    "metrics/metrics.test.ts",
    "metrics/svm.test.ts",
    "metrics/unlearned.test.ts",
    "models.test.ts",
    "predictors-lab/windows.test.ts",
    "registry.test.ts",
    "report/report.test.ts",
    "report/table.test.ts",
    "scenarios/scenario.test.ts",
    "train/schedule.test.ts",
    "web/link.test.ts",
  ],
  "whole runs of kernels that are each tested there": [
    "adding.test.ts",
    "bench/gpu-hour.test.ts",
    "cli/diffusion.test.ts",
    "cli/predictor-train.test.ts",
    "experiments/committed.test.ts",
    "experiments/diffusion.test.ts",
    "experiments/experiment.test.ts",
    "experiments/lira.test.ts",
    "experiments/oracle.test.ts",
    "experiments/shares.test.ts",
    "faults/kill.test.ts",
    "experiments/ownership.test.ts",
    "forecast/nowcast.test.ts",
    "gradients.test.ts",
    "metrics/mia.test.ts",
    "predictors-lab/fit.test.ts",
    "predictors-lab/library.test.ts",
    "runs/memory-advice.test.ts",
    "train/ownership.test.ts",
    "train/regularise.test.ts",
    "unlearn/driver.test.ts",
    "unlearn/methods.test.ts",
    "unlearn/rewind.test.ts",
    "unlearn/shorten-round.test.ts",
  ],
  "processes of Node, and packages of it": ["queue/queue.test.ts"],
  "what Dawn prints": ["platform/quiet.test.ts"],
  "the page and the kernels, in a browser": ["web/kernels.test.ts", "web/page.test.ts"],
  "the package, which it runs on Deno itself": ["package/jsr.test.ts", "package/package.test.ts"],
  "what an installation by npm brings, and what the sources can reach, whatever runs them": [
    "package/dependencies.test.ts",
    "security.test.ts",
  ],
  "documents: what they say is tested on Deno by the tests of each part": [
    "docs.test.ts",
    "readme.test.ts",
  ],
  "text from files that cli/demo.test.ts reads there as well, and a browser": [
    "report/page.test.ts",
  ],
  "what only Dawn's compiler prints": ["gpu/compiler-output.test.ts"],
  "command lines over the same code as cli/demo": [
    "cli/own-module.test.ts",
    "cli/own-network.test.ts",
    "cli/cli.test.ts",
    "cli/device-lost.test.ts",
    "cli/figure.test.ts",
    "cli/plan.test.ts",
    "cli/predict.test.ts",
    "cli/predictor-standing.test.ts",
    "cli/tune.test.ts",
    "predictors-lab/response.test.ts",
  ],
};

/** Why Deno need not repeat a file, or undefined where it runs there as well. */
export function onlyOnNode(file: string): string | undefined {
  return Object.entries(reasons).find(([, files]) => files.includes(file))?.[0];
}

/** The files that the list names: a name that no file has is a mistake. */
export const onlyOnNodeFiles: readonly string[] = Object.values(reasons).flat();
