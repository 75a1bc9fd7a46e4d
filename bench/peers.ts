/** Runs the same steps in other engines: on the same adapter, each in a process of its own, as ours is. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BenchRow } from "./harness.ts";

const folder = fileURLToPath(new URL("./peers/", import.meta.url));

/** What `torch_steps.py` prints, one object a line. */
export interface TorchResult {
  readonly name: string;
  readonly mode: string;
  readonly milliseconds: number;
  readonly low: number;
  readonly high: number;
  readonly device: string;
  readonly torch: string;
  /** Further figures by name. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** Rows of PyTorch on the same card, with ratios to ours by name; none where python3 has no CUDA PyTorch. */
export function runTorch(ours: readonly BenchRow[]): BenchRow[] {
  const check = "import torch; torch.empty(1, device='cuda')";
  const probe = spawnSync("python3", ["-c", check], { encoding: "utf8" });
  if (probe.status !== 0) {
    const why = probe.error?.message ?? probe.stderr.trim().split("\n").at(-1);
    console.error(`peer PyTorch skipped: python3 has no PyTorch for CUDA (${why}).`);
    return [];
  }
  const run = spawnSync("python3", [`${folder}torch_steps.py`], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", 2],
    timeout: 300_000,
  });
  if (run.status !== 0) {
    throw new Error(`peer torch_steps.py failed (${run.status ?? run.signal}); see above.`);
  }
  const lines = run.stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => {
    const result = JSON.parse(line) as TorchResult;
    const { name, mode, torch, milliseconds, low, high, figures = {} } = result;
    const same = ours.find((row) => row.name === name);
    const ratio = same === undefined ? {} : { "ratio to Rewind": milliseconds / same.milliseconds };
    return {
      name: `PyTorch ${torch}: ${name}, ${mode}`,
      milliseconds,
      low,
      high,
      figures: { ...figures, ...ratio },
    };
  });
}

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
