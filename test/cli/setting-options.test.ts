import { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { z } from "zod";
import { settingOptions, settingsGiven } from "../../src/cli/setting-options.ts";
import type { SettingOption } from "../../src/registry.ts";

const size: SettingOption = {
  option: "fruit-size",
  value: "n",
  text: "how large",
  settings: ["size"],
  takes: { integer: true, min: 1 },
};

const entries = [
  {
    name: "apple",
    settings: z.strictObject({ size: z.number().optional(), red: z.number(), green: z.number() }),
    options: [
      { ...size, usual: 5 },
      {
        option: "colour",
        value: "red,green",
        text: "apple: its colour",
        settings: ["red", "green"],
        takes: "list" as const,
        default: "200,30",
      },
    ],
  },
  {
    name: "pear",
    settings: z.strictObject({ size: z.number().optional() }),
    options: [{ ...size, usual: 7 }],
  },
  { name: "fig", settings: z.strictObject({}) },
];

const [apple, pear, fig] = entries as [
  (typeof entries)[0],
  (typeof entries)[0],
  (typeof entries)[0],
];

/** Flags of a command with the options of all entries. */
function flags(...words: readonly string[]): object {
  return settingOptions(new Command().exitOverride(), entries)
    .parse(words, { from: "user" })
    .opts();
}

test("help says once what several entries declare, with what each has otherwise", () => {
  const help = settingOptions(new Command(), entries).helpInformation();
  assert.match(help, /--fruit-size <n> +how large \(default: apple 5, pear 7\)\n/);
  assert.match(help, /--colour <red,green> +apple: its colour \(default: "200,30"\)\n/);
  assert.is(help.match(/--fruit-size/g)!.length, 1);
});

test("an entry is given what its options say, or their defaults, and nothing of what is only usual", () => {
  assert.equal(settingsGiven(apple, entries, flags(), "give"), { red: 200, green: 30 });
  const given = settingsGiven(
    apple,
    entries,
    flags("--fruit-size", "2", "--colour", "1,2"),
    "give",
  );
  assert.equal(given, { size: 2, red: 1, green: 2 });
  assert.equal(settingsGiven(pear, entries, flags(), "give"), {});
});

test("options of other entries are dropped, given to a schema, or refused, and those who own them are named", () => {
  const words = flags("--fruit-size", "2");
  assert.equal(settingsGiven(fig, entries, words, "drop"), {});
  assert.equal(settingsGiven(fig, entries, words, "give"), { size: 2 });
  const refuse = (option: string, owners: readonly string[]): never => {
    throw new Error(`${option} of ${owners.join(" and ")}`);
  };
  assert.throws(() => settingsGiven(fig, entries, words, refuse), /^fruit-size of apple and pear$/);
});

test.run();
