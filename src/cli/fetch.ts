/** `rewind fetch`: downloads a data set from its official place, with checksum and resume. */
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import { fetchableNames, fetchDataset } from "../data/fetch.ts";
import { ProgressBar } from "./progress.ts";

export function registerFetch(root: Command): void {
  root
    .command("fetch")
    .description(`download ${fetchableNames().join(", ")}; an interrupted download continues`)
    .argument("<name>", "data set")
    .requiredOption("--dir <dir>", "where to put it")
    .action(async (name: string, { dir }: { dir: string }) => {
      if (!fetchableNames().includes(name)) {
        throw new UsageError(
          `no data set "${name}" to fetch; there are: ${fetchableNames().join(", ")}.`,
        );
      }
      const bar = new ProgressBar(`fetching ${name}`);
      try {
        await fetchDataset(name, dir, {
          onProgress: (file, received, total) => bar.update(received, total ?? received, file),
        });
      } finally {
        bar.stop();
      }
      console.log(`${name} is in ${dir}`);
    });
}
