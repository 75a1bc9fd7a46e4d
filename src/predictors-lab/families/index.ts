/** What `predictor fit` can fit, by name: one file each, one line here. */
import { entryKinds, entrySchema, Registry } from "../../registry.ts";
import type { Fittable } from "./family.ts";
import { introspectionFittable } from "./introspection.ts";
import { invWnnFittable } from "./invwnn.ts";
import { wnnFittable } from "./wnn.ts";

/** All families; `fittables.add(…)` makes another one known to the command. */
export const fittables: Registry<Fittable> = new Registry(
  "predictor to fit",
  [invWnnFittable, wnnFittable, introspectionFittable],
  entrySchema({
    title: entryKinds.text,
    settings: entryKinds.settings,
    family: entryKinds.function,
  }),
);
