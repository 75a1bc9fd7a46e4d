/** Introspection's schedule (Sinha et al., ICLR 2017): at a few jumps, from what was recorded on the way there. */
import { z } from "zod";
import { UsageError } from "../errors.ts";
import { introspectionTimes } from "../predictors/introspection.ts";
import { defineForecaster } from "./forecaster.ts";

/** The shares of the training at which it jumps; no window starts before the last jump. */
const defaultJumps: readonly number[] = [0.05, 0.15, 0.4];

export const introspection = defineForecaster({
  name: "introspection",
  title: "Introspection",
  settings: z.strictObject({
    /** Shares of the training's steps. */
    jumps: z.array(z.number().gt(0).lt(1)).min(1).optional(),
  }),
  options: [
    {
      option: "nowcast-jumps",
      value: "shares",
      text: "introspection: when, as shares of the training",
      usual: defaultJumps.join(","),
      settings: ["jumps"],
      takes: "list",
    },
  ],
  takes: { text: "a .safetensors", place: "FILE", window: introspectionTimes.length },
  events({ jumps = defaultJumps }, _predictor, { steps }) {
    const events = jumps.flatMap((share) =>
      introspectionTimes.map((time) => ({
        step: Math.round(share * time * steps),
        ...(time === 1 ? { forecast: {} } : {}),
      })),
    );
    if (events.some(({ step }, i) => step <= (events[i - 1]?.step ?? 0))) {
      throw new UsageError(
        `nowcast: Introspection's snapshots of ${steps} steps are not apart (steps ` +
          `${events.map(({ step }) => step).join(", ")}). Take jumps more than 2.5 times as far as the last, and more steps.`,
      );
    }
    return events;
  },
});
