/** `--profile`: where the GPU time goes, as a table and a Chrome trace. */
import type { Command } from "commander";
import type { Gpu } from "../gpu/device.ts";
import { chromeTrace, Profiler, summarise } from "../gpu/profile.ts";
import type { RunFolder } from "../report/run-folder.ts";
import { textTable } from "../report/table.ts";
import { say } from "./output.ts";

/** Adds `--profile`. */
export function profileOption(command: Command): Command {
  return command.option(
    "--profile",
    "time every kernel (first steps); writes trace.json for chrome://tracing",
  );
}

/** Installs a profiler where asked for; says so where the adapter has no timestamps. */
export function startProfile(gpu: Gpu, wanted: boolean | undefined): void {
  if (wanted === true) gpu.profiler = new Profiler(gpu);
}

/** Prints the table and writes trace.json. */
export async function writeProfile(gpu: Gpu, folder: RunFolder): Promise<void> {
  if (gpu.profiler === undefined) return;
  const spans = await gpu.profiler.collect();
  gpu.profiler = undefined;
  await folder.writeJson("trace.json", chromeTrace(spans));
  const rows = summarise(spans);
  const columns = [
    { title: "kernel" },
    { title: "calls", decimals: 0 },
    { title: "ms a call", decimals: 3 },
    { title: "share %" },
    { title: "GFLOP/s" },
    { title: "GB/s" },
  ];
  for (const program of new Set(rows.map((row) => row.program))) {
    const mine = rows.filter((row) => row.program === program);
    say(`\n${program}`);
    say(
      textTable(
        columns,
        mine.map(({ kernel, calls, milliseconds, share, gflops, gigabytes }) => [
          kernel,
          calls,
          milliseconds / calls,
          share,
          gflops === 0 ? undefined : gflops,
          gigabytes,
        ]),
      ),
    );
  }
  say(`\ntrace: ${folder.file("trace.json")}`);
}
