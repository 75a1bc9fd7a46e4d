import { test } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../src/errors.ts";
import { retrainSettings, type TrainConfig, trainSchema } from "../../src/runs/config.ts";
import {
  constant,
  cosine,
  oneCycle,
  scheduleOf,
  type ScheduleSettings,
  stepwise,
  warmUp,
} from "../../src/train/schedule.ts";
import { retrain } from "../../src/unlearn/methods/retrain.ts";

/** Rates of all steps. */
function rates(settings: ScheduleSettings, steps: number): number[] {
  return Array.from({ length: steps }, (_, step) => scheduleOf(settings, steps)(step));
}

function near(got: readonly number[], want: readonly number[]): void {
  assert.is(got.length, want.length);
  got.forEach((rate, i) => {
    assert.ok(Math.abs(rate - want[i]!) <= 1e-15, `step ${i}: ${rate}, want ${want[i]}`);
  });
}

test("constant stays", () => {
  assert.equal([0, 7, 1e6].map(constant(0.3)), [0.3, 0.3, 0.3]);
  const settings = { learningRate: 0.02, schedule: "constant", epochs: 3 } as const;
  assert.equal(rates(settings, 3), [0.02, 0.02, 0.02]);
});

test("cosine falls from the rate to its floor by half a cosine", () => {
  const schedule = cosine(1, { end: 4, floor: 0 });
  // (1 + cos(0, 45, 90, 135, 180 degrees)) / 2.
  near([0, 1, 2, 3, 4].map(schedule), [1, 0.5 + Math.SQRT1_2 / 2, 0.5, 0.5 - Math.SQRT1_2 / 2, 0]);
  near([0, 2, 4].map(cosine(1, { end: 4 })), [1, 0.505, 0.01]);
  near([10, 12, 14].map(cosine(1, { first: 10, end: 14, floor: 0 })), [1, 0.5, 0]);
  // Where it begins at its end, and beyond it.
  near([4, 5].map(cosine(1, { first: 4, end: 4, floor: 0.1 })), [0.1, 0.1]);
});

test("the cosine of a configuration keeps the bits that older runs trained with", () => {
  for (const [learningRate, epochs, steps] of [
    [1e-3, 40, 1880],
    [2e-3, 4, 16],
    [0.017, 7, 7],
  ] as const) {
    const low = learningRate / 100;
    const want = Array.from(
      { length: steps },
      (_, s) => low + 0.5 * (learningRate - low) * (1 + Math.cos((Math.PI * s) / steps)),
    );
    assert.equal(rates({ learningRate, schedule: "cosine", epochs }, steps), want);
  }
});

test("one cycle rises over three tenths from a 25th of the rate, and falls by half a cosine to a ten-thousandth", () => {
  const falling = [0, 1, 2, 3, 4, 5, 6, 7].map(
    (s) => 5e-5 + 0.5 * (0.5 - 5e-5) * (1 + Math.cos((Math.PI * s) / 7)),
  );
  const want = [0.02, 0.18, 0.34, ...falling];
  near(
    Array.from({ length: 11 }, (_, s) => oneCycle(0.5, 10)(s)),
    want,
  );
  const settings = { learningRate: 0.5, schedule: "one-cycle", epochs: 5 } as const;
  near(rates(settings, 10), want.slice(0, 10));
  // Of one step none rises.
  near(rates({ ...settings, epochs: 1 }, 1), [0.5]);
  assert.throws(
    () => scheduleOf({ ...settings, warmupEpochs: 1 }, 10),
    (error: Error) => error instanceof UsageError && /rises by itself/.test(error.message),
  );
});

test("step multiplies by its factor from each milestone on", () => {
  near([0, 2, 3, 5, 6, 99].map(stepwise(1, [3, 6], 0.1)), [1, 1, 0.1, 0.1, 0.01, 0.01]);
  // Six epochs of two steps; milestones after epochs 2 and 5.
  const settings = { learningRate: 0.8, schedule: "step", epochs: 6 } as const;
  near(
    rates({ ...settings, milestones: [2, 5], factor: 0.5 }, 12),
    [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.2, 0.2],
  );
  // By default a tenth after half and three quarters (steps 6 and 9).
  near(rates(settings, 12), [0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.08, 0.08, 0.08, 0.008, 0.008, 0.008]);
});

test("warm-up rises linearly and reaches the rate with its last step", () => {
  near([0, 1, 2, 3, 4, 5].map(warmUp(1, 4, constant(9))), [0.25, 0.5, 0.75, 1, 9, 9]);
  const common = { learningRate: 1, epochs: 4, warmupEpochs: 1 };
  near(rates({ ...common, schedule: "constant" }, 8), [0.5, 1, 1, 1, 1, 1, 1, 1]);
  // The cosine has the six steps that are left; milestones count from the start.
  const cosines = [0, 1, 2, 3, 4, 5].map((s) => 0.01 + 0.495 * (1 + Math.cos((Math.PI * s) / 6)));
  near(rates({ ...common, schedule: "cosine" }, 8), [0.5, 1, ...cosines]);
  near(
    rates({ ...common, schedule: "step", milestones: [2] }, 8),
    [0.5, 1, 1, 1, 0.1, 0.1, 0.1, 0.1],
  );
  // Half an epoch.
  near(rates({ ...common, warmupEpochs: 0.5, schedule: "constant" }, 16).slice(0, 3), [0.5, 1, 1]);
});

test("a warm-up as long as the training is refused", () => {
  for (const warmupEpochs of [2, 3, -1, Number.NaN]) {
    assert.throws(
      () => scheduleOf({ learningRate: 1, schedule: "cosine", epochs: 2, warmupEpochs }, 10),
      (error: Error) =>
        error instanceof UsageError && /must be fewer than the 2/.test(error.message),
    );
  }
});

test("milestones that do not rise, or lie beyond the training, are refused; so are settings of another kind", () => {
  const step = { learningRate: 1, schedule: "step", epochs: 6 } as const;
  for (const milestones of [[5, 3], [3, 3], [3, 6], [7]]) {
    assert.throws(
      () => scheduleOf({ ...step, milestones }, 12),
      (error: Error) =>
        error instanceof UsageError &&
        /`milestones` must rise and lie within the 6 epochs/.test(error.message),
    );
  }
  for (const [given, says] of [
    ["x", /schedule: expected object, got "x"/],
    [{ ...step, schedule: "steep" }, /`schedule`: /],
    [{ ...step, learningRate: "1" }, /`learningRate`: expected number, got "1"/],
    [{ ...step, milestones: 3 }, /`milestones`: expected array, got 3/],
  ] as const) {
    assert.throws(
      () => scheduleOf(given as never, 12),
      (error: Error) => error instanceof UsageError && says.test(error.message),
    );
  }
  assert.throws(
    () => scheduleOf(step, undefined as never),
    (error: Error) => error instanceof UsageError && /steps must be an integer/.test(error.message),
  );
});

const config: TrainConfig = {
  data: { name: "synthetic" },
  scenario: { name: "overfit" },
  model: { name: "small-cnn" },
  epochs: 10,
  batch: 8,
  learningRate: 0.1,
  schedule: "step",
  milestones: [3, 6],
  factor: 0.2,
  warmupEpochs: 1,
  clipNorm: 5,
  labelSmoothing: 0.1,
  optimizer: { name: "sgd", momentum: 0.9 },
  seed: 1,
};

test("configurations take the settings, and refuse those that contradict each other", () => {
  assert.equal(trainSchema.parse(config), config);
  const refused = (changes: object, message: RegExp): void => {
    const { success, error } = trainSchema.safeParse({ ...config, ...changes });
    assert.not.ok(success);
    assert.match(error!.issues[0]!.message, message);
  };
  refused({ schedule: "cosine" }, /belong to schedule "step"/);
  refused({ milestones: [6, 3] }, /milestones must rise/);
  refused({ milestones: [3, 10] }, /within the epochs/);
  refused({ warmupEpochs: 10 }, /shorter than the training/);
  const cycle = { schedule: "one-cycle", milestones: undefined, factor: undefined };
  refused(cycle, /"one-cycle" rises by itself/);
  assert.ok(trainSchema.safeParse({ ...config, ...cycle, warmupEpochs: undefined }).success);
  refused({ labelSmoothing: 1 }, /./);
  refused({ clipNorm: 0 }, /./);
});

test("retraining takes the whole recipe over", () => {
  const recipe = retrainSettings(config);
  const settings = retrain.settings.parse(JSON.parse(JSON.stringify(recipe))) as object;
  assert.equal(settings, { ...JSON.parse(JSON.stringify(recipe)), epochsPerRound: 1 });
  for (const key of ["schedule", "milestones", "factor", "warmupEpochs", "clipNorm"] as const) {
    assert.equal((settings as TrainConfig)[key], config[key], key);
  }
  assert.is((settings as TrainConfig).labelSmoothing, 0.1);
});

test.run();
