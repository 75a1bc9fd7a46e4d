// What methods are chosen with is what their schemas take: names and types, the compiler holds them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { z } from "zod";
import { methods, methodSettings } from "../../src/unlearn/methods/index.ts";
import type {
  BoundaryGiven,
  FisherGiven,
  JitGiven,
  LinearRewindGiven,
  NegGradPlusGiven,
  NegmergeGiven,
  RandomLabelGiven,
  RetrainGiven,
  RewindGiven,
  SalunGiven,
  ScrubGiven,
  SsdGiven,
  StepGiven,
  TaskVectorGiven,
  TemperatureGiven,
} from "../../src/unlearn/methods/choosers.ts";
import type { boundary } from "../../src/unlearn/methods/boundary.ts";
import type { boundaryExpand } from "../../src/unlearn/methods/boundary-expand.ts";
import type { deleteMethod } from "../../src/unlearn/methods/delete.ts";
import type { fineTune } from "../../src/unlearn/methods/fine-tune.ts";
import type { fisher } from "../../src/unlearn/methods/fisher.ts";
import type { jit } from "../../src/unlearn/methods/jit.ts";
import type { negGradPlus } from "../../src/unlearn/methods/neg-grad-plus.ts";
import type { negGrad } from "../../src/unlearn/methods/neg-grad.ts";
import type { negmerge } from "../../src/unlearn/methods/negmerge.ts";
import type { randomLabel } from "../../src/unlearn/methods/random-label.ts";
import type { retrain } from "../../src/unlearn/methods/retrain.ts";
import type { linearRewind, randomRewind, rewind } from "../../src/unlearn/methods/rewind.ts";
import type { salun } from "../../src/unlearn/methods/salun.ts";
import type { scrub } from "../../src/unlearn/methods/scrub.ts";
import type { ssd } from "../../src/unlearn/methods/ssd.ts";
import type { taskVector } from "../../src/unlearn/methods/task-vector.ts";
import type { temperature } from "../../src/unlearn/methods/temperature.ts";

/** Both have the same settings, each with the same values. */
type Same<A, B> = [A, B, keyof A] extends [B, A, keyof B]
  ? [keyof B] extends [keyof A]
    ? true
    : never
  : never;
type Input<M extends { readonly settings: z.ZodType }> = z.input<M["settings"]>;

const same: readonly [
  Same<RewindGiven, Input<typeof rewind>>,
  Same<RewindGiven, Input<typeof randomRewind>>,
  Same<LinearRewindGiven, Input<typeof linearRewind>>,
  Same<TaskVectorGiven, Input<typeof taskVector>>,
  Same<NegmergeGiven, Input<typeof negmerge>>,
  Same<StepGiven, Input<typeof negGrad>>,
  Same<StepGiven, Input<typeof fineTune>>,
  Same<RandomLabelGiven, Input<typeof randomLabel>>,
  Same<BoundaryGiven, Input<typeof boundary>>,
  Same<StepGiven, Input<typeof boundaryExpand>>,
  Same<StepGiven, Input<typeof deleteMethod>>,
  Same<JitGiven, Input<typeof jit>>,
  Same<TemperatureGiven, Input<typeof temperature>>,
  Same<SalunGiven, Input<typeof salun>>,
  Same<ScrubGiven, Input<typeof scrub>>,
  Same<NegGradPlusGiven, Input<typeof negGradPlus>>,
  Same<SsdGiven, Input<typeof ssd>>,
  Same<FisherGiven, Input<typeof fisher>>,
  Same<RetrainGiven, Input<typeof retrain>>,
] = [
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
];

test("every method is a function that chooses it, with settings its schema takes", () => {
  assert.is(same.length, methods.all.length);
  const chosen = Object.values(methods as object)
    .filter(
      (value): value is () => { method: string; settings: object } => typeof value === "function",
    )
    .map((choose) => choose());
  assert.equal(chosen.map(({ method }) => method).sort(), [...methods.names].sort());
  for (const { method, settings } of chosen) {
    assert.equal(methodSettings(method, settings), methodSettings(method, {}));
  }
  const { method, settings } = methods.taskVector({ lambda: { conv: 2 }, epochs: 3 });
  assert.equal(methodSettings(method, settings)["lambda"], { conv: 2 });
});

test.run();
