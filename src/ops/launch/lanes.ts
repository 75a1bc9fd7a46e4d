/** Which lanes a kernel runs on: one float or four (shaders/lane). */

/** The part that fixes a kernel's lanes: `vec4f` where the last axis of its arrays is a multiple of 4. */
export function lanePart(vec4: boolean): string {
  return vec4 ? "lane/vec4f" : "lane/f32";
}
