/** What figures were measured on, and with which sources. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import type { Gpu } from "../src/gpu/device.ts";

/** The machine and the sources of some figures. */
export interface Machine {
  readonly adapter: string;
  readonly driver: string;
  readonly runtime: string;
  readonly software: boolean;
  readonly tuning: string;
  /** Commit of the sources, with `+` where files were changed since. */
  readonly commit: string;
}

/** The first line that a program says, or undefined where it cannot be asked. */
function lineOf(command: string, ...words: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, words, { encoding: "utf8" });
  return status === 0 ? stdout.trim().split("\n")[0] : undefined;
}

/** A folder that gpu-hour/pack.sh made has no git, but a file. */
const packed = new URL("../COMMIT", import.meta.url);

function commit(): string {
  if (existsSync(packed)) return readFileSync(packed, "utf8").trim();
  const head = lineOf("git", "rev-parse", "--short", "HEAD");
  if (head === undefined) return "unknown";
  return `${head}${lineOf("git", "status", "--porcelain", "-uno") === "" ? "" : "+"}`;
}

/** What a device runs on. A driver of NVIDIA's names its card and itself. */
export function machineOf(gpu: Gpu): Machine {
  const { vendor, device, description, runtimeVersion, software } = gpu.adapter;
  const card = software
    ? undefined
    : lineOf("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader");
  const [name, driver] = card?.split(", ") ?? [];
  return {
    adapter: name ?? (device === "" ? vendor : device),
    driver: driver ?? description,
    runtime: runtimeVersion,
    ...{ software, tuning: gpu.tuning, commit: commit() },
  };
}
