/** `rewind fetch`: downloads a data set from its official place, with checksum and resume. */
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import { listed } from "../registry.ts";
import { fetchableNames, fetchDataset } from "../data/fetch.ts";
import { example } from "./examples.ts";
import { exitWhenInterrupted } from "./interrupt.ts";
import { answer } from "./output.ts";
import { ProgressBar } from "./progress.ts";

export function registerFetch(command: Command): void {
  command
    .argument("<name>", `data set: ${listed(fetchableNames(), "or")}`)
    .requiredOption("--dir <dir>", "where to put it");
  example(command, "MNIST, 11 MB", "rewind fetch mnist --dir data/mnist").action(
    async (name: string, { dir }: { dir: string }) => {
      if (!fetchableNames().includes(name)) {
        throw new UsageError(
          `no data set "${name}" to fetch; there are: ${fetchableNames().join(", ")}.`,
        );
      }
      exitWhenInterrupted();
      const bar = new ProgressBar(`fetching ${name}`);
      try {
        await fetchDataset(name, dir, {
          onProgress: (file, received, total) => bar.update(received, total ?? received, file),
        });
      } finally {
        bar.stop();
      }
      answer({ name, dir }, `${name} is in ${dir}`);
    },
  );
}
