import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Scores } from "../../src/metrics/metric.ts";
import {
  cannotEnd,
  fellShort,
  levelReached,
  type Progress,
  stopReason,
  unlearn,
} from "../../src/unlearn/driver.ts";
import type { UnlearnSession } from "../../src/unlearn/method.ts";

const scores = (forgetAccuracy: number, forgetLoss: number): Scores => ({
  forgetAccuracy,
  forgetLoss,
});
const at = (round: number, accuracy: number, loss: number, seconds = 0): Progress => ({
  round,
  steps: 10 * round,
  seconds,
  scores: scores(accuracy, loss),
});

test("each stop rule ends a run, unlearning accuracy first", () => {
  assert.is(stopReason([at(3, 40, 2)], { rounds: 5 }), undefined);
  assert.is(stopReason([at(5, 40, 2)], { rounds: 5 }), "rounds");
  assert.is(
    stopReason([at(3, 40, 2)], { rounds: 5, unlearningAccuracy: 60 }),
    "unlearning accuracy",
  );
  assert.is(stopReason([at(3, 40.1, 2)], { rounds: 5, unlearningAccuracy: 60 }), undefined);
  assert.is(stopReason([at(3, 40, 2)], { rounds: 5, forgetLoss: 2 }), "forget loss");
  const start = at(0, 80, 1);
  assert.is(stopReason([start, at(1, 40, 2)], { rounds: 5, forgetShare: 0.5 }), "forget share");
  assert.is(stopReason([start, at(1, 40.1, 2)], { rounds: 5, forgetShare: 0.5 }), undefined);
  assert.is(stopReason([at(3, 40, 2, 9)], { rounds: 5, seconds: 9 }), "seconds");
  const tested = (testAccuracy: number): Progress => ({
    ...at(1, 40, 2),
    scores: { ...scores(40, 2), testAccuracy },
  });
  assert.is(stopReason([tested(19.9)], { rounds: 5, testFloor: 20 }), "test floor");
  assert.is(stopReason([tested(20)], { rounds: 5, testFloor: 20 }), undefined);
  assert.is(stopReason([at(1, 40, 2)], { rounds: 5, testFloor: 20 }), undefined);
  const untouched = { ...start, scores: { ...start.scores, testAccuracy: 60 } };
  const unseen = { rounds: 5, unseen: true };
  assert.is(stopReason([untouched, at(1, 60, 2)], unseen), "as unseen");
  assert.is(stopReason([untouched, at(1, 60.1, 2)], unseen), undefined);
  assert.is(stopReason([start, at(1, 0, 2)], unseen), undefined, "without a test accuracy");
  assert.is(
    stopReason([at(5, 40, 2)], { rounds: 5, unlearningAccuracy: 60 }),
    "unlearning accuracy",
  );
});

test("a run can end on the level that stopped it, where there was one and something on the way to it", () => {
  const history = [at(0, 80, 1), at(1, 30, 3)];
  const stop = { rounds: 5, forgetShare: 0.5, forgetLoss: 2.5 };
  const share = levelReached(history, "forget share", stop)!;
  assert.equal([share(scores(40, 0)), share(scores(40.1, 9))], [true, false]);
  const loss = levelReached(history, "forget loss", stop)!;
  assert.equal([loss(scores(0, 2.4)), loss(scores(100, 2.5))], [false, true]);
  assert.is(levelReached(history, "rounds", stop), undefined);
  assert.is(levelReached([at(0, 10, 3)], "forget loss", stop), undefined, "before the first round");
  const land = { rounds: 5, land: true };
  assert.is(cannotEnd(land, {}), "no level");
  assert.is(cannotEnd({ rounds: 5 }, {}), undefined);
  assert.is(cannotEnd({ rounds: 5, testFloor: 9 }, {}), undefined);
  assert.is(cannotEnd({ rounds: 5, testFloor: 9 }, { reference: true }), "begins anew");
  assert.is(cannotEnd({ rounds: 5, seconds: 9 }, { reference: true }), undefined);
  const both = { forgetShare: 0.5, unseen: true };
  assert.is(cannotEnd({ ...land, ...both }, {}), "several levels");
  assert.is(cannotEnd({ rounds: 5, ...both }, {}), undefined);
  assert.ok(fellShort("rounds", { rounds: 5, unseen: true }));
  assert.not(fellShort("rounds", { rounds: 5 }));
  assert.not(fellShort("as unseen", { rounds: 5, unseen: true }));
  const asked = [
    { unlearningAccuracy: 50 },
    { forgetShare: 0.5 },
    { unseen: true },
    { forgetLoss: 1 },
  ];
  for (const level of asked) {
    assert.is(cannotEnd({ ...land, ...level }, {}), undefined);
    assert.is(cannotEnd({ ...land, ...level }, { reference: true }), "begins anew");
    assert.is(cannotEnd({ rounds: 5, ...level }, { reference: true }), "begins anew");
  }
});

/** A session whose accuracy on D_f halves every round. */
function halving(from = 0): { session: UnlearnSession; accuracy: () => number } {
  let round = from;
  const session: UnlearnSession = {
    method: "halving",
    round: async () => ({ round: ++round, steps: 10 * round, epochs: [] }),
    save: () => Promise.reject(new Error("not used")),
    load: () => undefined,
    destroy: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
  return { session, accuracy: () => 80 / 2 ** round };
}

test("what a method's first passes took counts in its first round, once", async () => {
  const evaluate = async (): Promise<Scores> => scores(50, 1);
  const options = { stop: { rounds: 2 }, evaluate, preparation: 100 };
  const { history } = await unlearn(halving().session, options);
  const [zero, first, second] = history.map(({ seconds }) => seconds) as [number, number, number];
  assert.is(zero, 0);
  assert.ok(first >= 100 && second < 101, `${first} ${second}`);
  const resumed = await unlearn(halving(1).session, { ...options, resume: history.slice(0, 2) });
  assert.ok(resumed.history.at(-1)!.seconds < 101);
});

test("rounds run until a rule holds; the history starts with the untouched model", async () => {
  const { session, accuracy } = halving();
  const seen: number[] = [];
  const { history, reason } = await unlearn(session, {
    stop: { rounds: 10, unlearningAccuracy: 85 },
    evaluate: async () => scores(accuracy(), 1),
    onRound: async ({ round }) => void seen.push(round),
  });
  assert.is(reason, "unlearning accuracy");
  assert.equal(
    history.map(({ scores: { forgetAccuracy } }) => forgetAccuracy),
    [80, 40, 20, 10],
  );
  assert.equal(seen, [1, 2, 3]);
});

test("a resumed run starts from the given round and adds to its seconds", async () => {
  const { session, accuracy } = halving(2);
  const { history } = await unlearn(session, {
    stop: { rounds: 3 },
    evaluate: async () => scores(accuracy(), 1),
    resume: [at(2, 20, 1, 100)],
  });
  assert.equal(
    history.map(({ round }) => round),
    [2, 3],
  );
  assert.ok(history[1]!.seconds >= 100);
});

test("fewer than one round is refused", async () => {
  try {
    await unlearn(halving().session, { stop: { rounds: 0 }, evaluate: async () => scores(1, 1) });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /at least one round is needed, got 0/);
  }
});

test.run();
