/** What a job of the queue says. It names settings, and no code: what is run is the package that a worker has installed. */
import { z } from "zod";
import { DataError, UsageError } from "../errors.ts";
import { type ExperimentRequest, requestSchema } from "../experiments/request.ts";
import { contentDigest } from "../platform/digest.ts";

/** A run of an experiment, as a job. */
export interface RunPayload {
  /** Of the package that submitted it. */
  readonly version: string;
  /** The submission, which has all its runs in common. */
  readonly flow: string;
  /** Folder of the experiment in the store; several submissions may share it. */
  readonly folder: string;
  readonly request: ExperimentRequest;
  /** Key of the run in the plan of the request; absent: the end of the experiment, which has nothing to compute. */
  readonly run?: string | undefined;
  /** 1 comes first. */
  readonly priority: number;
  readonly retries: Retries;
}

/** How often a run is tried, and the pause after its first failure; it doubles with each. */
export interface Retries {
  readonly attempts: number;
  readonly delayMs: number;
}

/** Milliseconds of the first pause. */
export const usualDelayMs = 5000;

const name = z.string().regex(/^[\w-]{1,80}$/);

const payloadSchema = z.strictObject({
  version: z.string(),
  flow: name,
  folder: name,
  request: requestSchema,
  run: z.string().max(400).optional(),
  priority: z.number().int().min(1).max(1000),
  retries: z.strictObject({
    attempts: z.number().int().min(1).max(100),
    delayMs: z.number().int().min(0).max(3_600_000),
  }),
});

/**
 * What a job says, checked before anything is done.
 *
 * @param version that of this package.
 * @throws DataError for what this version does not write; UsageError where it is of another version.
 */
export function readPayload(data: unknown, version: string): RunPayload {
  const said = z.looseObject({ version: z.string() }).safeParse(data);
  if (said.success && said.data.version !== version) {
    throw new UsageError(
      `the job is of version ${said.data.version}, and this worker is of version ${version}: start workers of the version ` +
        "that submitted it.",
    );
  }
  const parsed = payloadSchema.safeParse(data);
  if (!parsed.success)
    throw new DataError(`the job is not valid: ${z.prettifyError(parsed.error)}`);
  refuseCode(parsed.data.request);
  return parsed.data;
}

/** @throws UsageError where a request needs code that a worker has not installed. */
export function refuseCode({ modelFile }: Pick<ExperimentRequest, "modelFile">): void {
  if (modelFile === undefined) return;
  throw new UsageError(
    "`model`: a network in a module of your own is code, which no job names. Describe the network in JSON, or leave the queue and give a `shard`.",
  );
}

/** The first digits of a value's digest. */
async function shortDigest(value: unknown): Promise<string> {
  const digest = await contentDigest(new TextEncoder().encode(JSON.stringify(value)));
  return digest.slice(0, 12);
}

/**
 * Names of a submission and of its folder in the store. The same request has the same; requests that differ in their seeds
 * alone share a folder, so that seeds can be added.
 *
 * @param config what the folder is begun with.
 */
export async function namesOf(
  request: ExperimentRequest,
  config: unknown,
  version: string,
): Promise<Pick<RunPayload, "flow" | "folder">> {
  const { seeds, ...others } = request;
  const folder = `${request.experiment}-${await shortDigest([version, others, config])}`;
  return { folder, flow: `${folder}-${await shortDigest(seeds)}` };
}

/** Name of the queue that jobs of a version wait in; `kind`: those that must run on one kind of adapter. */
export function queueName(version: string, kind?: string): string {
  return `rewind-${version}${kind === undefined ? "" : `-${kind}`}`;
}

/** A short name of a kind of device: runs on devices of one kind have the same bits. */
export async function kindOf(place: { adapter: string; runtime: string }): Promise<string> {
  return shortDigest([place.adapter, place.runtime]);
}
