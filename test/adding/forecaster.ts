import { z } from "zod";
import { defineForecaster, forecasters } from "../../src/index.ts";

/** One forecast, where a share of the epochs is done, from the epochs before it. */
export const once = defineForecaster({
  name: "once",
  title: "the single forecast",
  settings: z.strictObject({ at: z.number().gt(0).max(1).default(0.5) }),
  // `rewind train --nowcast once --nowcast-at 0.6`
  options: [
    {
      option: "nowcast-at",
      value: "share",
      text: "once: share of the training before the forecast",
      usual: 0.5,
      settings: ["at"],
      takes: { min: 0, max: 1 },
    },
  ],
  takes: { text: "any other that looks ahead", place: "PATH" },
  events({ at }, { window }, { steps, perEpoch }) {
    const epochs = Math.max(window, Math.round((at * steps) / perEpoch));
    return Array.from({ length: window }, (_, i) => ({
      step: (epochs - window + 1 + i) * perEpoch,
      ...(i === window - 1 ? { forecast: {} } : {}),
    }));
  },
});

forecasters.add(once);
