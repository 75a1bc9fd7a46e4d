import { test } from "uvu";
import * as assert from "uvu/assert";
import { z } from "zod";
import { UsageError } from "../src/errors.ts";
import {
  forecasters,
  methods,
  metrics,
  networks,
  noSettings,
  optimizers,
  predictors,
  scenarios,
} from "../src/index.ts";
import { datasets } from "../src/entries/data.ts";
import { fittables } from "../src/entries/experiments.ts";
import { choiceSchema, type Named, Registry } from "../src/registry.ts";

const entries = () =>
  new Registry("fruit", [
    { name: "apple", settings: z.strictObject({ size: z.number().max(9).optional() }) },
    { name: "pear", settings: z.strictObject({}) },
  ]);

const refuses = (work: () => unknown, message: RegExp): void =>
  assert.throws(work, (error: Error) => error instanceof UsageError && message.test(error.message));

test("entries are found by name, in the order they were added; a name is taken once", () => {
  const fruits = entries();
  const plum = fruits.add({ name: "plum", settings: z.strictObject({}) });
  assert.equal(fruits.names, ["apple", "pear", "plum"]);
  assert.is(fruits.find("plum"), plum);
  assert.is(fruits.all.at(-1), plum);
  assert.not(fruits.has("fig"));
  refuses(() => fruits.find("fig"), /^no fruit "fig"; there are: apple, pear, plum\.$/);
  refuses(() => fruits.add(plum), /^the fruit "plum" is there already/);
  for (const name of ["", "a b", "a,b", "--x", "-", null, 5, undefined]) {
    const entry = { name, settings: z.strictObject({}) } as unknown as typeof plum;
    refuses(() => fruits.add(entry), /^fruit ".*": a name has letters, digits/);
  }
  assert.equal(fruits.names, ["apple", "pear", "plum"]);
});

test("what lacks a field, or has one of another kind, is refused at once and is not there afterwards", () => {
  const build = (): void => undefined;
  for (const [registry, entry, says] of [
    [networks, undefined, /^network: expected a name, or an object.* got undefined\.$/],
    [networks, build, /^network: .* got a function\.$/],
    [
      networks,
      { name: "mine" },
      /^network "mine": `settings`: expected a zod object.*; `build`: ex/,
    ],
    [networks, { name: "mine", settings: {}, build }, /`settings`: expected a zod object/],
    [
      optimizers,
      { name: "mine", summary: "", settings: noSettings, states: 3 },
      /`states`: expected 1 or 2, got 3; `update`/,
    ],
    [
      datasets,
      { name: "mine", summary: "", folder: true },
      /^data set "mine": `load`: expected a function, got undefined\.$/,
    ],
    [scenarios, { name: "mine" }, /`apply`/],
    [
      metrics,
      { name: "mine", needs: "pixels" },
      /^metric "mine": `needs`: expected "totals", "drawn" or "logits"/,
    ],
    [metrics, { ...metrics.forgetLoss, name: "mine", on: ["test"] }, /`on`: expected string, got/],
    [metrics, { ...metrics.forgetLoss, name: "mine", of: undefined }, /`of`: expected a function/],
    [methods, { name: "mine", summary: "", reads: "all" }, /`reads`: /],
    [predictors, { name: "mine" }, /expected `formula` or `load`/],
    [forecasters, { name: "mine" }, /`events`/],
    [fittables, { name: "mine" }, /`family`/],
  ] as const) {
    const open = registry as Registry<Named>;
    refuses(() => open.add(entry as never), says);
    refuses(() => open.known(entry as never), says);
    assert.not(open.has("mine"));
  }
});

test("a choice has the settings of the entry it names, of later ones too, its name in front", () => {
  const fruits = entries();
  const schema = z.strictObject({ fruit: choiceSchema(fruits).default({ name: "pear" }) });
  const parsed = schema.parse({ fruit: { size: 3, name: "apple" } });
  assert.is(JSON.stringify(parsed), '{"fruit":{"name":"apple","size":3}}');
  assert.equal(schema.parse({}), { fruit: { name: "pear" } });
  for (const [fruit, path, message] of [
    [{ name: "apple", size: 10 }, "fruit.size", /<=9/],
    [{ name: "pear", size: 1 }, "fruit", /Unrecognized key: "size"/],
    [{ name: "fig" }, "fruit.name", /expected one of "apple"\|"pear"/],
    [7, "fruit", /expected object/],
  ] as const) {
    const { error } = schema.safeParse({ fruit });
    const [issue] = error!.issues;
    assert.is(issue!.path.join("."), path);
    assert.match(issue!.message, message);
  }
  fruits.add({ name: "fig", settings: z.strictObject({ ripe: z.boolean() }) });
  assert.equal(schema.parse({ fruit: { name: "fig", ripe: true } }).fruit["ripe"], true);
});

test.run();
