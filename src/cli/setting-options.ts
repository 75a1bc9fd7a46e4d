/** Options for the settings of what is found by name: what the entries of a registry declare. */
import { type Command, Option } from "commander";
import type { Named, SettingOption } from "../registry.ts";
import { integer, number } from "./parse.ts";

/** An entry whose settings may have options. */
interface Entry extends Named {
  readonly settings: { readonly shape: object };
  readonly options?: readonly SettingOption[];
}

/** What entries declare; of one name the first. */
function optionsOf(entries: readonly Pick<Entry, "options">[]): SettingOption[] {
  const all = entries.flatMap(({ options }) => options ?? []);
  return all.filter(({ option }, i) => all.findIndex((one) => one.option === option) === i);
}

function flagsOf({ option, value }: SettingOption): string {
  return `--${option} <${value}>`;
}

/** The key under which commander keeps an option's value. */
function keyOf(option: SettingOption): string {
  return new Option(flagsOf(option)).attributeName();
}

function parserOf(takes: Exclude<SettingOption["takes"], "list">): (text: string) => number {
  return takes.integer === true ? integer(takes.min) : number(takes.min, takes.max);
}

/** Adds the options that entries declare, in their order. */
export function settingOptions(
  command: Command,
  entries: readonly Pick<Entry, "options">[],
): Command {
  for (const option of optionsOf(entries)) {
    const { text, takes, default: left } = option;
    const shown = left === undefined ? text : `${text} (default: ${JSON.stringify(left)})`;
    const added = new Option(flagsOf(option), shown);
    if (takes !== "list") added.argParser(parserOf(takes));
    command.addOption(added);
  }
  return command;
}

/**
 * The settings that flags give an entry, with the defaults of its options.
 *
 * @param others what becomes of options that were given and belong to other entries: a schema refuses them by name, or
 *   they are dropped.
 */
export function settingsGiven(
  entry: Entry,
  entries: readonly Entry[],
  flags: object,
  others: "refused" | "dropped",
): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const option of optionsOf(entries)) {
    const { settings, takes } = option;
    const own = settings.some((name) => name in entry.settings.shape);
    if (!own && others === "dropped") continue;
    const left = own ? option.default : undefined;
    const value = (flags as Record<string, string | number | undefined>)[keyOf(option)] ?? left;
    if (value === undefined) continue;
    const values = takes === "list" ? `${value}`.split(",").map(Number) : value;
    const [first] = settings;
    if (settings.length === 1) given[first!] = values;
    else settings.forEach((name, i) => (given[name] = (values as number[])[i]));
  }
  return given;
}
