/** WNN's schedule (Jang et al., ICML 2023): after every K-th epoch, from the last K, K the predictor's window. */
import { z } from "zod";
import { defineForecaster } from "./forecaster.ts";

export const wnn = defineForecaster({
  name: "wnn",
  title: "WNN",
  settings: z.strictObject({}),
  takes: { text: "a folder with WNN's files", place: "DIR" },
  events: (_settings, { window }, { steps, perEpoch }) =>
    Array.from({ length: Math.floor(steps / perEpoch) }, (_, i) => ({
      step: (i + 1) * perEpoch,
      ...((i + 1) % window === 0 ? { forecast: {} } : {}),
    })),
});
