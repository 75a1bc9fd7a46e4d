/** PyTorch's rows, in the same minutes and on the same card: each step in a process of its own. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type NetworkStep, stepName } from "../networks.ts";
import type { TorchResult } from "../peers.ts";
import { longestRowMs } from "./hour.ts";
import type { Figures } from "./rows.ts";
import type { Task } from "./stage.ts";

const script = fileURLToPath(new URL("../peers/torch_steps.py", import.meta.url));

/** Ways of PyTorch that are compared. */
export const torchModes: readonly string[] = ["float32", "TF32", "AMP"];

/** The same step in PyTorch, a row a mode; the modes of one run of its program are `ms MODE` in one row. */
export function torchTasks(step: NetworkStep, tiny: boolean): Task[] {
  return [true, false].map((search) => ({
    name: `PyTorch: ${stepName(step)}, cudnn.benchmark ${search ? "on" : "off"}`,
    run: () => torchRow(step, search, tiny),
  }));
}

async function torchRow({ config }: NetworkStep, search: boolean, tiny: boolean): Promise<Figures> {
  const words = [script, "--only", config.name, "--modes", torchModes.join(",")];
  if (!search) words.push("--no-search");
  if (tiny) words.push("--quick", "--device", "cpu");
  const lines = await jsonLines("python3", words);
  if (lines.length === 0) throw new Error("torch_steps.py printed no row: see its messages above");
  const { device, torch } = lines[0]!;
  return {
    ...Object.fromEntries(
      lines.map(({ mode, milliseconds }) => [`ms, ${mode}`, Number(milliseconds.toPrecision(5))]),
    ),
    ...{ device, torch },
  };
}

/** What a program prints as JSON, a line each. @throws Error with its last words where it fails. */
function jsonLines(command: string, words: readonly string[]): Promise<TorchResult[]> {
  return new Promise((resolve, reject) => {
    // One that is late would slow the rows after it.
    const child = spawn(command, words, {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: longestRowMs,
      killSignal: "SIGKILL",
    });
    const said = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text));
    child.on("error", (cause) => reject(new Error(`${command}: ${cause.message}`)));
    child.on("close", (code) => {
      const last = said.err.trim().split("\n").at(-1) ?? "";
      if (code !== 0) return reject(new Error(`torch_steps.py ended with ${code}: ${last}`));
      const lines = said.out.split("\n").filter((line) => line.startsWith("{"));
      return resolve(lines.map((line) => JSON.parse(line) as TorchResult));
    });
  });
}
