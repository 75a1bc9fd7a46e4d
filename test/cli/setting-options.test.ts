import { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { z } from "zod";
import { refuseUnused, settingOptions, settingsGiven } from "../../src/cli/setting-options.ts";
import { UsageError } from "../../src/errors.ts";
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
  assert.equal(settingsGiven(apple, entries, flags()), { red: 200, green: 30 });
  assert.equal(settingsGiven(apple, entries, flags(), { defaults: false }), {});
  const given = settingsGiven(apple, entries, flags("--fruit-size", "2", "--colour", "1,2"));
  assert.equal(given, { size: 2, red: 1, green: 2 });
  assert.equal(settingsGiven(pear, entries, flags()), {});
});

test("options of other entries are left to them, or refused, and those who own them are named", () => {
  const words = flags("--fruit-size", "2");
  assert.equal(settingsGiven(fig, entries, words), {});
  assert.equal(settingsGiven(pear, entries, words, { unused: "no" }), { size: 2 });
  const refused = (error: Error): boolean =>
    error instanceof UsageError &&
    error.message === "--fruit-size is for apple and pear; a fig has no size.";
  assert.throws(() => settingsGiven(fig, entries, words, { unused: "a fig has no size" }), refused);
  assert.throws(() => refuseUnused([], entries, words, "a fig has no size"), refused);
  refuseUnused([fig, pear], entries, words, "never said");
});

test("a list has as many numbers as it gives settings", () => {
  for (const wrong of ["1", "1,2,3", "1,", "1,0x2", "a,b"]) {
    assert.throws(() => flags("--colour", wrong), /needs 2 numbers with commas between/);
  }
});

test.run();
