/** What commands there are: a line each for help, and the file that is loaded when one is named. */
import type { Command } from "commander";

/** A command before its file is loaded. */
export interface Listed {
  /** Its name and what stands after it, as help shows it. */
  readonly term: string;
  readonly description: string;
  /** Loads its file, and gives what adds options and action to the command. */
  readonly load: () => Promise<(command: Command) => void>;
}

/** All commands in the order of help, by the title they stand under. */
export const commands: Readonly<Record<string, readonly Listed[]>> = {
  "Start here:": [
    {
      term: "demo [options]",
      description: "train on damaged data (20 % wrong labels), unlearn it, report what changed",
      load: async () => (await import("./demo.ts")).registerDemo,
    },
    {
      term: "doctor [options]",
      description: "adapter, limits, features, a self-check of kernels, and advice",
      load: async () => (await import("./doctor.ts")).registerDoctor,
    },
    {
      term: "tune [options]",
      description: "measure which tiles matrix products are fastest in, and keep them for later",
      load: async () => (await import("./tune.ts")).registerTune,
    },
  ],
  "Forget:": [
    {
      term: "train [options]",
      description: "train a network on data of which a part is to be forgotten (D_f)",
      load: async () => (await import("./train.ts")).registerTrain,
    },
    {
      term: "unlearn [options]",
      description: "make a trained network forget images (D_f)",
      load: async () => (await import("./unlearn.ts")).registerUnlearn,
    },
    {
      term: "evaluate [options]",
      description: "accuracy of a run's network on D_f, D_r and the test images",
      load: async () => (await import("./evaluate.ts")).registerEvaluate,
    },
    {
      term: "classify [options] <dir>",
      description: "what a network answers to images, one by one",
      load: async () => (await import("./classify.ts")).registerClassify,
    },
    {
      term: "sample [options]",
      description: "have a network of diffusion draw images",
      load: async () => (await import("./sample.ts")).registerSample,
    },
    {
      term: "methods [options] [name]",
      description: "list the unlearning methods, or the settings of one",
      load: async () => (await import("./methods.ts")).registerMethods,
    },
    {
      term: "plan [options]",
      description: "print what a training and unlearning run would allocate, without running it",
      load: async () => (await import("./plan.ts")).registerPlan,
    },
  ],
  "Measure and compare:": [
    {
      term: "experiment [options] <name> [folders...]",
      description: "an experiment of the paper: every method over seeds, tuned on others",
      load: async () => (await import("./experiment.ts")).registerExperiment,
    },
    {
      term: "worker [options]",
      description: "do runs of experiments that wait on a queue",
      load: async () => (await import("./worker.ts")).registerWorker,
    },
    {
      term: "dashboard [options]",
      description: "experiments of a queue in a browser: their tables filling up, and the queue",
      load: async () => (await import("./dashboard.ts")).registerDashboard,
    },
    {
      term: "lira [options]",
      description:
        "attack a method with shadow models: can forgotten images be told from unseen ones?",
      load: async () => (await import("./lira.ts")).registerLira,
    },
    {
      term: "oracle",
      description:
        "many small networks trained with D_f and without it, and what methods are worth against them",
      load: async () => (await import("./oracle.ts")).registerOracle,
    },
    {
      term: "figure",
      description: "pictures of finished runs, as SVG and PNG, with their numbers as JSON and CSV",
      load: async () => (await import("./figure.ts")).registerFigure,
    },
    {
      term: "report [options] <run...>",
      description:
        "one page of runs or an experiment: words, tables, charts, images; HTML that needs nothing else",
      load: async () => (await import("./report.ts")).registerReport,
    },
  ],
  "Data and checkpoints:": [
    {
      term: "fetch [options] <name>",
      description: "download a data set; an interrupted download continues",
      load: async () => (await import("./fetch.ts")).registerFetch,
    },
    {
      term: "import [options] <network>",
      description: "turn a checkpoint of PyTorch or timm into one for `rewind train --from`",
      load: async () => (await import("./import.ts")).registerImport,
    },
    {
      term: "export [options] <network>",
      description:
        "write a checkpoint with the names and layouts of torchvision, timm or the authors",
      load: async () => (await import("./export.ts")).registerExport,
    },
    {
      term: "cache",
      description: "decoded images that are kept for the next start: show or remove them",
      load: async () => (await import("./cache.ts")).registerCache,
    },
  ],
  "Predictors of weights:": [
    {
      term: "predict [options]",
      description: "apply a predictor to weight histories (JSON)",
      load: async () => (await import("./predict.ts")).registerPredict,
    },
    {
      term: "predictor",
      description: "weight predictors: show one, its response, fit one",
      load: async () => (await import("./predictor.ts")).registerPredictor,
    },
  ],
};
