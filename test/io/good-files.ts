/** Small files of tensors of every kind. */
import { zipSync } from "fflate";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { denseLayers, halfWeights, namedWeights, savedWeights } from "./keras-fixture.ts";
import {
  call,
  dictionary,
  floatBytes,
  global,
  integer,
  Storages,
  text,
  tuple,
} from "./torch-fixture.ts";

/** What a training saves: tensors, and harmless values beside them. */
export function checkpoint(storages: Storages): number[] {
  const bytes = floatBytes([0, 1, 2, 3, 4, 5]);
  return [
    ...dictionary({
      epoch: integer(3),
      size: call(global("torch", "Size"), tuple(integer(2), integer(3))),
      seen: call(global("collections", "Counter"), dictionary({ a: integer(1) })),
      device: call(global("torch", "device"), text("cpu")),
      model: storages.stateDict({
        "module.w": { shape: [3, 2], strides: [1, 3], bytes },
        "module.b": { shape: [3], bytes: floatBytes([1, 2, 3]) },
      }),
    }),
  ];
}

/** A small file of each kind, by name. */
export async function goodFiles(): Promise<Readonly<Record<string, Uint8Array>>> {
  const zip = new Storages();
  const archive = zip.archive(checkpoint(zip));
  const packed = zip.archive(checkpoint(new Storages()), "packed", 9);
  const legacy = new Storages(true);
  const layers = denseLayers(["dense_1", "dense_2"]);
  const saved = await savedWeights(layers);
  const tensors = new Map([
    ["w", { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
    ["b", { shape: [2], data: Float32Array.of(5, 6), format: "F16" as const }],
  ]);
  return {
    safetensors: writeSafetensors(tensors, { model: "x" }),
    archive,
    packed,
    legacy: legacy.legacyFile(checkpoint(legacy)),
    named: await namedWeights(layers),
    saved,
    half: halfWeights(),
    keras: zipSync({ "model.weights.h5": saved }),
  };
}
