/** Where runs of an experiment were computed: on another kind of adapter the same run has other bits. */
import { host } from "#platform";
import { z } from "zod";
import type { Gpu } from "../gpu/device.ts";
import { exists, join, readJson } from "../platform/files.ts";
import { adapterLine } from "../report/report.ts";
import type { RunFolder } from "../report/run-folder.ts";
import { checkedFile } from "../runs/checked-file.ts";

/** A device that a run was computed on. */
export interface Place {
  readonly adapter: string;
  readonly runtime: string;
  /** Name of the machine; absent where the runtime does not say. */
  readonly machine?: string | undefined;
}

/** The file of a run's places. */
export const placeFile = "where.json";

const placesSchema: z.ZodType<readonly Place[]> = z.array(
  z.object({ adapter: z.string(), runtime: z.string(), machine: z.string().optional() }),
);

/** The place of a device of this process. */
export function placeOf({ adapter }: Pick<Gpu, "adapter">): Place {
  const machine = host.processes?.own.machine;
  return {
    adapter: adapterLine(adapter),
    runtime: adapter.runtimeVersion,
    ...(machine === undefined || machine === "" ? {} : { machine }),
  };
}

/** Where a run was computed, the first place first; none where its folder does not say. */
export async function placesOf(path: string): Promise<readonly Place[]> {
  const file = join(path, placeFile);
  return (await exists(file)) ? checkedFile(placesSchema, await readJson(file), file) : [];
}

/** Writes down that a run is computed, or goes on, on a device. */
export async function recordPlace(folder: RunFolder, gpu: Pick<Gpu, "adapter">): Promise<void> {
  const places = await placesOf(folder.path);
  const place = placeOf(gpu);
  if (places.some((one) => JSON.stringify(one) === JSON.stringify(place))) return;
  await folder.writeJson(placeFile, [...places, place]);
}
