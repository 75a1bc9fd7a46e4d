/** A trained network that tests forget with again and again: trained once, put back before each use. */
import type { Tensors } from "../../src/nn/model.ts";
import type { TrainConfig } from "../../src/runs/config.ts";
import { type Job, prepareJob } from "../../src/runs/job.ts";
import { trainJob } from "../../src/api/training.ts";
import { testGpu } from "../device.ts";

/** Gives the job of a configuration with its model back at the trained weights; the first call trains. */
export function trainedJob(config: TrainConfig): () => Promise<Job> {
  let trained: { job: Job; tensors: Tensors } | undefined;
  return async () => {
    if (trained === undefined) {
      const job = await prepareJob(await testGpu(), config);
      await trainJob(job);
      trained = { job, tensors: await job.model.save() };
    }
    trained.job.model.load(trained.tensors);
    return trained.job;
  };
}
