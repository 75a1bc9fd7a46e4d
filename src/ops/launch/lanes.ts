/** Parts a launch picks by shape or adapter: lanes of one float or four (shaders/lane), loops rolled or not. */
import type { Tuning } from "../../gpu/device.ts";

/** The part that fixes a kernel's lanes: `vec4f` where the last axis of its arrays is a multiple of 4. */
export function lanePart(vec4: boolean): string {
  return vec4 ? "lane/vec4f" : "lane/f32";
}

/** The part that says whether loops stay loops, which software adapters compile several times faster. */
export function loopPart(tuning: Tuning): string {
  return tuning === "software" ? "walk/rolled" : "walk/unrolled";
}
