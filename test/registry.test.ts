import { test } from "uvu";
import * as assert from "uvu/assert";
import { z } from "zod";
import { UsageError } from "../src/errors.ts";
import { choiceSchema, Registry } from "../src/registry.ts";

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
