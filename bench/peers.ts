/** Runs the same step in other engines: same adapter, each in a Node process of its own, as ours is. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BenchRow } from "./harness.ts";

const folder = fileURLToPath(new URL("./peers/", import.meta.url));

/** Rows of the peers, with ratios to ours (above 1: ours is faster). */
export async function runPeers(ours: BenchRow): Promise<BenchRow[]> {
  if (!existsSync(`${folder}node_modules`)) {
    console.error("installing the peer engines once: npm ci --prefix bench/peers");
    const install = spawnSync("npm", ["ci", "--ignore-scripts", "--prefix", folder], {
      stdio: ["ignore", 2, 2],
    });
    if (install.status !== 0)
      throw new Error("peers: npm ci --prefix bench/peers failed; see above.");
  }
  return ["jax.mjs", "tfjs.mjs"].map((script) => {
    const run = spawnSync("node", [`${folder}${script}`, "12"], {
      encoding: "utf8",
      timeout: 300_000,
    });
    const line = run.stdout.trim().split("\n").at(-1) ?? "";
    if (run.status !== 0 || !line.startsWith("{")) {
      throw new Error(
        `peer ${script} failed (${run.status ?? run.signal}):\n${run.stderr.slice(-2000)}`,
      );
    }
    const result = JSON.parse(line) as {
      engine: string;
      ms_per_step: number;
      low: number;
      high: number;
    };
    return {
      name: result.engine,
      milliseconds: result.ms_per_step,
      low: result.low,
      high: result.high,
      figures: {
        ms_per_step: result.ms_per_step,
        "ratio to Rewind": result.ms_per_step / ours.milliseconds,
      },
    };
  });
}
