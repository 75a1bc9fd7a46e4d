// Meta-training of step weights: its derivatives against finite differences and float64, and how it goes on.
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  endStateMetadata,
  endStateScores,
  endTraining,
  makeEndState,
  taught,
  taughtScenarios,
} from "../../src/predictors-lab/downstream/end-states.ts";
import {
  displacement,
  metaGradient,
  type RecordedRound,
} from "../../src/predictors-lab/downstream/meta-gradient.ts";
import { type Learner, stepLearner } from "../../src/predictors-lab/downstream/learner.ts";
import { dot, matched, Slope } from "../../src/predictors-lab/downstream/slope.ts";
import {
  type Draw,
  type Episode,
  Place,
  strengthFactors,
} from "../../src/predictors-lab/downstream/episode.ts";
import {
  meanDirection,
  metaStart,
  type MetaState,
  metaStateSchema,
  metaStep,
  Places,
  standingOf,
} from "../../src/predictors-lab/downstream/train.ts";
import { weightings } from "../../src/predictors/predictor.ts";
import { weightedSteps } from "../../src/predictors/weighted-steps/predictor.ts";
import { rowNames, rowsOf } from "../../src/predictors/weighted-steps/weights.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { linearPredictor } from "../../src/predictors/linear.ts";
import { Random } from "../../src/random.ts";
import { scenarioSchema } from "../../src/scenarios/index.ts";
import { RewindSession, rewindSettings } from "../../src/unlearn/methods/rewind.ts";
import { close } from "../check-op.ts";
import { closeGpus, testGpu } from "../device.ts";
import { gradient, image, logits, moved, softmax, tiny, weightsOf } from "../unlearn/tiny.ts";

const shape = { window: 5, gradients: true };
const inputs = 6;

/** Two rounds of three tensors, two of a kind; steps and gradients beyond their limits among them. */
function someRounds(random: Random): RecordedRound[] {
  const draw = (count: number, jump: number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => (i === 1 ? jump : random.float() - 0.4));
  return [1, 0.4].map((strength) => ({
    strength,
    tensors: [
      { name: "a", row: 0, history: draw(5 * 90, 30), gradients: [draw(90, 60), draw(90, 0)] },
      { name: "b", row: 2, history: draw(5 * 7, 2), gradients: [draw(7, 1), new Float32Array(7)] },
      // Images weighted by how far they are forgotten, whose gradient is small beside the even one.
      {
        ...{ name: "c", row: 0, history: draw(5 * 20, 1) },
        gradients: [draw(20, 1), draw(20, 1), draw(20, 1).map((g) => g / 30)],
      },
    ],
  }));
}

test("the derivative of where rounds lead is that of finite differences", () => {
  const random = new Random(12);
  const rounds = someRounds(random);
  const values = Float64Array.from({ length: 5 * inputs }, () => random.float() - 0.3);
  const slope = new Map(
    rounds[0]!.tensors.map(({ name, history }) => [
      name,
      Float64Array.from({ length: history.length / 5 }, () => random.float() - 0.5),
    ]),
  );
  const at = (changed: Float64Array): number =>
    rounds.reduce((sum, round) => sum + dot(displacement(round, shape, changed), slope), 0);
  const got = metaGradient(rounds, shape, values, slope);
  for (let i = 0; i < values.length; i++) {
    const [more, less] = [values.slice(), values.slice()];
    more[i]! += 1e-5;
    less[i]! -= 1e-5;
    const want = (at(more) - at(less)) / 2e-5;
    assert.ok(Math.abs(got[i]! - want) <= 1e-6 + 1e-6 * Math.abs(want), `${i}: ${got[i]}, ${want}`);
  }
  assert.ok(got.some((g) => Math.abs(g) > 1e-2));
  // The length is the line's: weights of twice the size lead to the same place.
  assert.ok(Math.abs(at(values.map((v) => 2 * v)) - at(values)) < 1e-9);
});

for (const weighting of weightings) {
  test(`the displacement that derivatives are of is the one that the kernels make (${weighting})`, async () => {
    const of = await tiny(await testGpu(), {
      side: 4,
      classes: 5,
      count: 20,
      forget: 8,
      hidden: 6,
    });
    const start = await weightsOf(of.model);
    const random = new Random(2);
    const values = Float32Array.from({ length: 5 * 16 }, () => random.float() - 0.3);
    const weights = { window: 15, gradients: true, weighting, values };
    const predictor = weightedSteps(weights, { name: "mix", source: "test" });
    const settings = rewindSettings.parse({ learningRate: 1e-2, batch: 8, strength: 1.5 });
    const session = await RewindSession.create(of.request, predictor, settings);
    await session.round({});
    const histories = await session.recording.read();
    const gradients = await session.recording.gradients!();
    const rows = rowsOf(of.model.slots);
    const tensors = of.model.slots.map(({ name }, t) => ({
      name,
      row: rowNames.indexOf(rows[t]!),
      history: histories.get(name)!,
      gradients: gradients.map((one) => one.get(name)!),
    }));
    const step = displacement({ strength: 1.5, tensors }, weights, values);
    const end = await weightsOf(of.model);
    for (const [name, want] of moved(start, step, 1)) {
      close(name, end.get(name)!, want, { absolute: 1e-6, relative: 1e-5 });
    }
    session.destroy();
    of.destroy();
  });
}

test("slopes are gradients in float64; at matched forgetting the last step changes nothing", async () => {
  const of = await tiny(await testGpu(), { side: 4, classes: 5, count: 300, forget: 8 });
  const weights = await weightsOf(of.model);
  // Of two passes, the last one of ten images.
  const items = Uint32Array.from({ length: 260 }, (_, i) => i + 20);
  const theirs = Uint16Array.from(items, (i) => of.labels[i]!);
  const slope = await Slope.create(of.model, of.data, items, theirs);
  const answers = await slope.answers();
  const temperature = answers.bestTemperature();
  for (const factor of [0.97, 1.03]) {
    assert.ok(answers.loss(temperature) < answers.loss(factor * temperature));
  }
  const loss = items.reduce(
    (sum, n) => sum - Math.log(softmax(logits(weights, image(of, n)), 2)[of.labels[n]!]!),
    0,
  );
  assert.ok(Math.abs(answers.loss(2) - loss / items.length) < 1e-5);
  const got = await slope.gradient(answers.cotangent(2));
  const want = gradient(of, items, (n, x) =>
    softmax(logits(weights, x), 2).map((p, c) => (p - Number(c === of.labels[n])) / 2),
  );
  for (const [name, data] of want) {
    close(name, got.get(name)!, data, { absolute: 2e-6, relative: 2e-5 });
  }
  slope.destroy();
  of.destroy();

  const [clean, forgotten] = [new Map([["w", [1, 2, 3]]]), new Map([["w", [2, 0, 3]]])];
  const last = new Map([["w", [0.5, -1, 1]]]);
  assert.ok(Math.abs(dot(matched(clean, forgotten, last), last)) < 1e-12);
  // Where D_f's loss hardly changes along the step, it is taken off once at most.
  const flat = new Map([["w", [0.001, 0, 0]]]);
  assert.equal([...matched(clean, flat, last).get("w")!], [0.999, 2, 3]);
});

test("episodes of any size count alike, and one without an answer counts nothing", () => {
  const episodes = [
    { rounds: 1, gradient: Float64Array.of(1e3, 0) },
    { rounds: 1, gradient: Float64Array.of(0, -1e-9) },
    { rounds: 8 },
    { rounds: 2, gradient: Float64Array.of(0, 0) },
  ];
  assert.equal(meanDirection(episodes, 2), [0.25, -0.25]);
});

test("a meta-training descends, keeps what its statistic calls best, and goes on from a file to the same bits", async () => {
  // A network that is best where every weight is 0.5, and says so with noise that depends on the draw.
  const asked: number[] = [];
  const fake = (i: number) => ({
    destroy: () => undefined,
    episode: (_: Learner, values: readonly number[], draw: Draw): Episode => {
      asked.push(i, draw.learningRate, draw.strength, draw.level, draw.seed);
      const gradient = Float64Array.from(values, (v) => v - 0.5 + 0.01 * (draw.strength - 1));
      return { gradient, rounds: 1, loss: 1 };
    },
    statistic: (): number => [3, 5, 4].at(tried++)!,
  });
  let tried = 0;
  const make = (i: number): Promise<Place> => Promise.resolve(fake(i) as unknown as Place);
  const places = new Places(make, [{ scenario: "label-noise", learnt: [0, 1, 2], kept: [3] }]);
  const settings = { steps: 6, episodes: 2, tryEvery: 2, learningRate: 0.1, seed: 4 };
  const learner = stepLearner({ gradients: false });
  const standing = (mean: number) => ({ statistic: mean, means: { "label-noise": mean } });
  const states: MetaState[] = [metaStart(learner)];
  for (let i = 0; i < 6; i++)
    states.push(await metaStep(states.at(-1)!, settings, learner, places));
  const far = ({ values }: MetaState): number =>
    Math.hypot(...values.map((v) => v - 0.5)) / Math.sqrt(values.length);
  assert.ok(far(states[6]!) < 0.3 * far(states[0]!), `${far(states[6]!)}`);
  assert.equal(
    states[6]!.tries,
    [3, 5, 4].map((mean, i) => ({ step: 2 * i + 2, ...standing(mean) })),
  );
  assert.equal(states[6]!.best, { step: 4, ...standing(5), values: states[4]!.values });
  const whole = asked.splice(0);
  assert.ok(whole.every((_, j) => j % 5 > 0 || [0, 1, 2].includes(whole[j]!)));
  const read = metaStateSchema.parse(JSON.parse(JSON.stringify(states[3]!)));
  tried = 1;
  let state = read;
  for (let i = 3; i < 6; i++) state = await metaStep(state, settings, learner, places);
  assert.equal(state, states[6]);
  assert.equal(asked, whole.slice(3 * 2 * 5));
  places.destroy();
});

test("scenarios take turns, and their statistics count in units of the difference that matters", async () => {
  const asked: number[] = [];
  const fake = (i: number) => ({
    destroy: () => undefined,
    episode: (_: Learner, values: readonly number[]): Episode => {
      asked.push(i);
      return { gradient: Float64Array.from(values), rounds: 1 };
    },
    statistic: (): number => [0, 1, 2, 30, 50, 80, 86][i]!,
  });
  const make = (i: number): Promise<Place> => Promise.resolve(fake(i) as unknown as Place);
  using places = new Places(make, [
    { scenario: "label-noise", learnt: [0], kept: [1, 2] },
    { scenario: "backdoor", learnt: [3], kept: [4] },
    { scenario: "standard", learnt: [5], kept: [6] },
  ]);
  const settings = { steps: 9, episodes: 2, tryEvery: 9, learningRate: 0.1, seed: 4 };
  const learner = stepLearner({ gradients: true });
  let state = metaStart(learner);
  for (let i = 0; i < 3; i++) state = await metaStep(state, settings, learner, places);
  assert.equal(asked, [0, 3, 5, 0, 3, 5]);
  // Margins: 1 point, 2 and 0.5.
  assert.equal(await standingOf(linearPredictor(), places, 1), {
    statistic: 1.5 / 3 + 50 / 2 / 3 + 86 / 0.5 / 3,
    means: { "label-noise": 1.5, backdoor: 50, standard: 86 },
  });
});

test("end states say what they are: networks, scenarios and sources in turn", () => {
  const sources = [{ name: "synthetic", data: { name: "synthetic" } }];
  const settings = {
    ...{ seed: 1, scenarios: ["label-noise"], architectures: ["mlp", "tiny-cnn"], size: 14 },
    ...{ counts: [300, 500], clean: 100, epochs: 5 },
  } as const;
  const trainings = (more: object): ReturnType<typeof endTraining>["train"][] =>
    [0, 1, 2, 3].map((i) => endTraining(i, sources, { ...settings, ...more }).train);
  const list = trainings({});
  assert.equal(list[2], endTraining(2, sources, settings).train);
  assert.equal(
    list.map(({ model, scenario }) => `${model.name} ${scenario.name}`),
    ["mlp", "tiny-cnn", "mlp", "tiny-cnn"].map((name) => `${name} label-noise`),
  );
  assert.is(new Set(list.map(({ seed }) => seed)).size, 4);
  const both = trainings({ scenarios: ["standard", "backdoor"] });
  assert.equal(
    both.map(({ model, scenario }) => `${model.name} ${scenario.name}`),
    ["mlp standard", "mlp backdoor", "tiny-cnn standard", "tiny-cnn backdoor"],
  );
  // Every pair of a network and images, with any few on end of several images.
  for (const [models, images] of [
    [6, 3],
    [2, 2],
    [2, 3],
    [4, 6],
  ] as const) {
    const architectures = (["mlp", "tiny-cnn"] as const).flatMap((name) =>
      Array.from({ length: models / 2 }, () => name),
    );
    const several = Array.from({ length: images }, (_, s) => ({ ...sources[0]!, name: `${s}` }));
    const pairs = Array.from({ length: architectures.length * images }, (_, i) => {
      const { source } = endTraining(i, several, { ...settings, architectures });
      return `${i % architectures.length} ${source}`;
    });
    assert.is(new Set(pairs).size, architectures.length * images);
    const last = pairs.slice(-images).map((pair) => pair.split(" ")[1]);
    assert.ok(new Set(last).size >= Math.min(images, 2), pairs.join());
  }
  for (const { scenario } of both) assert.equal(scenarioSchema.parse(scenario), scenario);
  assert.throws(
    () => trainings({ scenarios: ["overfit"] }),
    /says nothing of meta-training: choose of label-noise, /,
  );
  const scores = { trained: { forget: 90, goal: 70 }, retrained: { forget: 8, goal: 80 } };
  const [first, second] = list;
  const metadata = endStateMetadata(first!, scores);
  const elsewhere = { ...first!, data: { ...first!.data, dir: "elsewhere" } };
  assert.equal(endStateScores({ metadata }, elsewhere, "x"), scores);
  assert.throws(() => endStateScores({ metadata }, second!, "x"), /"x" is of another training/);
  const damaged = { ...metadata, scores: "{" };
  assert.throws(() => endStateScores({ metadata: damaged }, first!, "x"), /"x" is damaged/);
  assert.throws(() => endStateScores({ metadata: {} }, first!, "x"), /"x" is no end state/);
});

test("each scenario says which end states teach something, and where their rewinds land", () => {
  assert.equal(
    taughtScenarios().map(({ name }) => name),
    ["label-noise", "backdoor", "standard"],
  );
  const [noise, backdoor, standard] = taughtScenarios().map(({ metaTraining }) => metaTraining);
  const scores = { trained: { forget: 90, goal: 70 }, retrained: { forget: 60, goal: 80 } };
  const unknown = { ...scores, trained: { forget: 60, goal: 70 } };
  for (const { unfit } of [noise!, backdoor!, standard!]) {
    assert.is(unfit(scores), undefined);
    assert.match(unfit(unknown)!, /only 60.0 % of D_f is known by heart/);
  }
  const close71 = { ...scores, retrained: { forget: 60, goal: 71 } };
  for (const { unfit } of [noise!, backdoor!])
    assert.match(unfit(close71)!, /gains 1.0 points only/);
  assert.is(standard!.unfit(close71), undefined);
  const same = { ...scores, retrained: { forget: 89, goal: 80 } };
  assert.match(standard!.unfit(same)!, /knows all of D_f but 1.0 points/);
  assert.equal(
    [noise!.level(scores, 0), backdoor!.level(scores, 0.3), standard!.level(scores, 0.3)],
    [13.5, 10, 60],
  );
  assert.ok(Math.abs(noise!.level(scores, 1) - 45) < 1e-9, "half of the start at most");

  // The held-out images of a backdoor: those of other classes, signed, with their true labels.
  const images = syntheticDigits(60, 1, "test");
  const { heldOut } = taught("backdoor").metaTraining;
  const signed = heldOut!(images, { share: 0.2, target: 3, width: 2, value: 255 });
  assert.equal(
    [...signed.labels],
    [...images.labels].filter((label) => label !== 3),
  );
  for (let row = 0; row < signed.count * 28; row++) {
    assert.equal([...signed.pixels.subarray(28 * row, 28 * row + 2)], [255, 255]);
  }
  for (const name of ["label-noise", "standard"]) {
    assert.is(taught(name).metaTraining.heldOut, undefined);
  }
});

test("a rewind that does not get there is done anew, longer, before it counts as a miss", async () => {
  const gpu = await testGpu();
  const train = {
    ...endTraining(0, [{ name: "synthetic", data: { name: "synthetic" } }], {
      ...{ seed: 3, scenarios: ["standard"], architectures: ["mlp"], size: 8 },
      ...{ counts: [200], clean: 100, epochs: 30 },
    }).train,
    batch: 32,
  };
  using place = await Place.open(gpu, train, await makeEndState(gpu, train));
  const at = (strength: number): Promise<number> =>
    place.statistic(linearPredictor(), { learningRate: 3e-3, strength, seed: 5 });
  // 0.2 is too little, by itself and as the longest of three; at four times or sixteen times as far it is what that is.
  const [, more, most] = strengthFactors;
  assert.is(await at(0.2 / most), 0);
  const enough = await at(0.2);
  assert.ok(enough > 0);
  assert.is(await at(0.2 * more), enough);
});

test.after(closeGpus);
test.run();
