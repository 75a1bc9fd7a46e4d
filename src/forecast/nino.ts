/**
 * NiNo's schedule (Knyazev et al., ICLR 2025): every `period` steps, from the snapshots since the last forecast, at first
 * 40 snapshots ahead, at last one.
 */
import { z } from "zod";
import { UsageError } from "../errors.ts";
import { ninoSchedule } from "../predictors/nino/predictor.ts";
import type { SettingOption } from "../registry.ts";
import { defineForecaster } from "./forecaster.ts";

const defaultPeriod = 1000;

const period = {
  value: "steps",
  settings: ["period"],
  takes: { integer: true, min: 5 },
} as const satisfies Partial<SettingOption>;

export const nino = defineForecaster({
  name: "nino",
  title: "NiNo",
  settings: z.strictObject({
    /** Steps from a forecast to the next. */
    period: z.number().int().min(1).default(defaultPeriod),
  }),
  options: [
    {
      ...period,
      option: "nowcast-period",
      text: "nino: steps between forecasts",
      usual: defaultPeriod,
    },
  ],
  takes: { text: "NiNo's .pt file", place: "FILE" },
  events({ period }, { window, joint }, { steps }) {
    if (period % window !== 0 || period > steps) {
      throw new UsageError(
        `nowcast: NiNo's period must be a multiple of ${window} and at most the training's ${steps} steps, ` +
          `got ${period}.`,
      );
    }
    const forecasts = Math.floor(steps / period);
    const aims = ninoSchedule(forecasts, joint?.steps);
    return Array.from({ length: forecasts * window }, (_, i) => ({
      step: ((i + 1) * period) / window,
      ...((i + 1) % window === 0 ? { forecast: { aim: aims[(i + 1) / window - 1]! } } : {}),
    }));
  },
  experiment: {
    options: [{ ...period, option: "period", text: "nowcast: steps between NiNo's forecasts" }],
    // Ten forecasts a training.
    settings: (steps) => ({ period: Math.max(5, 5 * Math.floor(steps / 50)) }),
  },
});
