/**
 * Activations kept in half precision: between its last use in the forward and its first in the backward
 * pass a value is stored as packed halves. The forward pass itself stays in float32.
 */
import type { Tuning } from "../gpu/device.ts";
import { elementwise } from "./elementwise.ts";
import { plannedValues, rebind } from "./recompute.ts";
import { type Launch, Value } from "./value.ts";

/** Smaller values are left alone: two more dispatches would cost more than they save. */
const smallestBytes = 4096;

/** Both lists, with values packed behind their last forward use and unpacked before the backward one. */
export function keepHalf(
  tuning: Tuning,
  forward: readonly Launch[],
  backward: readonly Launch[],
): { forward: Launch[]; backward: Launch[] } {
  const lastUse = new Map<Value, number>();
  forward.forEach((launch, i) => {
    for (const value of plannedValues(launch)) lastUse.set(value, i);
  });
  const packed = new Map<Value, Value>();
  for (const value of backward.flatMap(plannedValues)) {
    if (!lastUse.has(value) || value.dtype !== "f32" || value.bytes < smallestBytes) continue;
    if (packed.has(value)) continue;
    const words = 2 * Math.ceil(value.size / 4);
    packed.set(value, new Value(`${value.label} halves`, [words], "u32", "planned"));
  }
  const convert = (entry: "pack" | "unpack", size: number, bind: Launch["bind"]): Launch =>
    elementwise(tuning, { shader: `elementwise/${entry}` }, size, bind);
  const packs = new Map<number, Launch[]>();
  for (const [x, halves] of packed) {
    const at = lastUse.get(x)!;
    packs.set(at, [...(packs.get(at) ?? []), convert("pack", x.size, { x, halves })]);
  }
  const unpacked = new Map<Value, Value>();
  return {
    forward: forward.flatMap((launch, i) => [launch, ...(packs.get(i) ?? [])]),
    backward: backward.flatMap((launch) => {
      const unpacks = plannedValues(launch).flatMap((value): Launch[] => {
        const kept = packed.get(value);
        if (kept === undefined || unpacked.has(value)) return [];
        const y = new Value(`${value.label} unpacked`, value.shape, "f32", "planned");
        unpacked.set(value, y);
        return [convert("unpack", value.size, { halves: kept, y })];
      });
      return [...unpacks, rebind(launch, unpacked)];
    }),
  };
}
