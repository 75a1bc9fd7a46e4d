/** Shares of an experiment in folders of their own, and putting them together. */
import { z } from "zod";
import { DataError } from "../errors.ts";
import { contentDigest } from "../platform/digest.ts";
import {
  exists,
  fileInfo,
  isLeftover,
  join,
  listDir,
  readBytes,
  readJson,
  writeAtomic,
} from "../platform/files.ts";
import { listed } from "../registry.ts";
import { RunFolder } from "../report/run-folder.ts";
import { checkedFile } from "../runs/checked-file.ts";
import type { Inputs } from "../runs/inputs.ts";
import { graderFile } from "./grader.ts";
import { placesOf } from "./places.ts";
import { isWider, planOf, type PlannedRun, type Share, sharesOf, type Tuned } from "./plan.ts";
import type { Protocol } from "./protocol.ts";
import { type ExperimentRequest, graderOf, requestSchema } from "./request.ts";
import { resultFile } from "./trained-network.ts";

/** The file that says which share a folder is. */
export const partFile = "part.json";

/** What {@link partFile} says. */
export interface Part {
  /** Of the package. */
  readonly version: string;
  readonly request: ExperimentRequest;
  readonly share: Share;
  /** Digests of what the first tuning seed reads. */
  readonly inputs: Inputs;
  readonly finished: boolean;
}

const partSchema: z.ZodType<Part> = z.object({
  version: z.string(),
  request: requestSchema,
  share: z.object({ index: z.number().int().min(1), of: z.number().int().min(1) }),
  inputs: z.record(z.string(), z.string()),
  finished: z.boolean(),
});

/** The plan of a request. @param known what is tuned already; without it all settings are chosen in the plan. */
export function requestPlan(
  protocol: Protocol,
  request: ExperimentRequest,
  known: Readonly<Record<string, Tuned>> = {},
): readonly PlannedRun[] {
  const asked = graderOf(protocol, request);
  const { seeds, tuned } = request;
  const tuningSeeds = tuned === undefined ? request.tuningSeeds : [];
  return planOf(protocol, {
    ...{ seeds, tuningSeeds, known },
    grader: asked !== undefined && asked.given === undefined,
  });
}

/** Which share a folder is. @throws DataError where it is none. */
export async function readPart(path: string): Promise<Part> {
  const file = join(path, partFile);
  if (await exists(file)) return checkedFile(partSchema, await readJson(file), file);
  throw new DataError(
    `"${path}" is no share of an experiment: it has no ${partFile}. Give folders of \`rewind experiment … --shard\`.`,
  );
}

/** Whether a share is another, or was asked for something else. */
export function isOtherPart(one: Omit<Part, "finished">, other: Omit<Part, "finished">): boolean {
  // Its parts in the schema's order, as it is read.
  const text = (part: Omit<Part, "finished">): string =>
    JSON.stringify(partSchema.parse({ ...part, finished: false }));
  return text(one) !== text(other);
}

/** Where two shares were asked for something else; undefined where they were not. */
function difference(one: Part, other: Part): string | undefined {
  const fields = Object.keys({ ...one.request, ...other.request }) as (keyof ExperimentRequest)[];
  const asked = fields.find(
    (key) => JSON.stringify(one.request[key]) !== JSON.stringify(other.request[key]),
  );
  if (one.version !== other.version) return `the version (${one.version}, ${other.version})`;
  if (asked !== undefined) return `what was asked (${asked})`;
  if (one.share.of !== other.share.of) {
    return `the number of shares (${one.share.of}, ${other.share.of})`;
  }
  const names = new Set([...Object.keys(one.inputs), ...Object.keys(other.inputs)]);
  const changed = [...names].find((name) => one.inputs[name] !== other.inputs[name]);
  return changed === undefined ? undefined : `the content of the ${changed}`;
}

/** A share in its folder. */
export interface FoundPart extends Part {
  readonly path: string;
}

/**
 * Reads shares of one experiment.
 *
 * @returns all of them, in their order.
 * @throws DataError where they differ in what was asked or read, one is missing, given twice or not finished.
 */
export async function readParts(paths: readonly string[]): Promise<readonly FoundPart[]> {
  const parts: FoundPart[] = [];
  for (const path of paths) parts.push({ path, ...(await readPart(path)) });
  const [first] = parts;
  if (first === undefined) throw new DataError("there are no shares to put together.");
  for (const other of parts) {
    const differs = difference(first, other);
    if (differs !== undefined) {
      throw new DataError(
        `"${first.path}" and "${other.path}" are shares of different experiments: they differ in ${differs}.`,
      );
    }
    const same = parts.find((one) => one !== other && one.share.index === other.share.index);
    if (same !== undefined) {
      throw new DataError(
        `"${other.path}" and "${same.path}" are both share ${other.share.index} of ${other.share.of}: give one of them.`,
      );
    }
  }
  const { of } = first.share;
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter((index) =>
    parts.every(({ share }) => share.index !== index),
  );
  if (missing.length > 0) {
    throw new DataError(
      `share ${listed(missing.map(String))} of ${of} is missing: its folder was not given.`,
    );
  }
  const open = parts.filter(({ finished }) => !finished);
  if (open.length > 0) {
    throw new DataError(
      `${listed(open.map(({ path, share }) => `share ${share.index} in "${path}"`))} is not finished: run its command again.`,
    );
  }
  return [...parts].sort((a, b) => a.share.index - b.share.index);
}

/** What decides a run's result in its folder, without times: equal where the same was computed. */
async function outcomeOf(run: PlannedRun, folder: string): Promise<string> {
  if (await isUntried(run, folder)) return "nothing to try";
  const path = join(folder, run.key);
  const result = join(path, resultFile);
  if (await exists(result)) {
    const text = JSON.stringify(await readJson(result), (key, value: unknown) =>
      key === "seconds" ? 0 : value,
    );
    return text;
  }
  return contentDigest(await readBytes(join(path, "checkpoint.safetensors")));
}

/** Whether a file of a run's folder holds a network or the state of one: the others are small. */
export function isNetworkFile(name: string): boolean {
  return name.endsWith(".safetensors") && !name.startsWith("drawn-");
}

/**
 * Copies a run's folder; its config.json is written anew, with the ways from its new place.
 *
 * @param options `networks`: its weights are copied, too.
 */
export async function copyRun(
  from: string,
  to: string,
  { networks }: { readonly networks: boolean },
): Promise<void> {
  await RunFolder.start(to, await (await RunFolder.open(from)).config());
  for (const name of await listDir(from)) {
    if (name === "config.json" || name.startsWith(".") || isLeftover(name)) continue;
    if (!networks && isNetworkFile(name)) continue;
    const path = join(from, name);
    if ((await fileInfo(path))?.directory === true) continue;
    await writeAtomic(join(to, name), await readBytes(path));
  }
}

/** Copies what the folder of an experiment says of its grader, where it says something. */
export async function copyGraderRecord(from: string, to: string): Promise<void> {
  const file = join(from, graderFile);
  if (await exists(file)) await writeAtomic(join(to, graderFile), await readBytes(file));
}

/** Whether a folder has nothing of a run, which is so of finished ones for trials that had nothing to try. */
export async function isUntried(run: PlannedRun, folder: string): Promise<boolean> {
  return isWider(run) && !(await exists(join(folder, run.key, resultFile)));
}

/**
 * Copies the runs of all shares into one folder, each from the share that it belongs to.
 *
 * @throws DataError where shares did the same run with another outcome.
 */
export async function mergeParts(
  plan: readonly PlannedRun[],
  parts: readonly FoundPart[],
  out: string,
): Promise<void> {
  const shares = sharesOf(plan, parts.length);
  for (const run of plan) {
    const owner = shares.findIndex(({ own }) => own.has(run.key));
    const having = parts.filter((_, i) => shares[i]!.runs.includes(run));
    const first = parts[owner] ?? having[0]!;
    for (const other of having) {
      if (other === first) continue;
      if ((await outcomeOf(run, first.path)) === (await outcomeOf(run, other.path))) continue;
      const [a, b] = [join(first.path, run.key), join(other.path, run.key)];
      const adapters = [...(await placesOf(a)), ...(await placesOf(b))].map(
        ({ adapter }) => adapter,
      );
      throw new DataError(
        `${run.key} came out differently in "${first.path}" and "${other.path}" (${[...new Set(adapters)].join("; ")}): ` +
          "runs that start from it do not compare. Compute all shares on one kind of adapter.",
      );
    }
    if (await isUntried(run, first.path)) continue;
    await copyRun(join(first.path, run.key), join(out, run.key), { networks: true });
  }
  await copyGraderRecord(parts[0]!.path, out);
}
