/** Options for the settings of what is found by name: what the entries of a registry declare. */
import { type Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { listed, type Named, type SettingOption } from "../registry.ts";
import { integer, number, numbers } from "./parse.ts";

/** An entry with the options it declares. */
interface Declaring extends Named {
  readonly options?: readonly SettingOption[];
}

/** An entry whose settings may have options. */
interface Entry extends Declaring {
  readonly settings: { readonly shape: object };
}

/** What entries declare; of one name the first. */
function optionsOf(entries: readonly Declaring[]): SettingOption[] {
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

/** What help says of an option: its text, and what is there where it is left out. */
function helpOf({ option, text }: SettingOption, entries: readonly Declaring[]): string {
  const usual = entries.flatMap(({ name, options = [] }) =>
    options
      .filter((one) => one.option === option)
      .map(({ default: given, usual }) => ({
        name,
        value: given === undefined ? usual : JSON.stringify(given),
      })),
  );
  const shown = usual.filter(({ value }) => value !== undefined);
  if (shown.length === 0) return text;
  const values = new Set(shown.map(({ value }) => value));
  const all =
    values.size === 1
      ? [...values].join("")
      : shown.map(({ name, value }) => `${name} ${value}`).join(", ");
  return `${text} (default: ${all})`;
}

/** Adds the options that entries declare, in their order. */
export function settingOptions(command: Command, entries: readonly Declaring[]): Command {
  for (const option of optionsOf(entries)) {
    const { takes } = option;
    const added = new Option(flagsOf(option), helpOf(option, entries));
    if (takes === "list") {
      const { length } = option.settings;
      command.addOption(added.argParser(numbers(length === 1 ? undefined : length)));
    } else if ("choices" in takes) command.addOption(added.choices(takes.choices));
    else {
      const { integer: whole, min, max } = takes;
      command.addOption(
        added.argParser(whole === true ? integer(min) : number({ from: min, to: max })),
      );
    }
  }
  return command;
}

/** How {@link settingsGiven} reads flags. */
interface Reading {
  /** Why an option of other entries is of no use, for its error; absent: it is left to them. */
  readonly unused?: string;
  /** Whether options that are left out give their defaults. Default: yes. */
  readonly defaults?: boolean;
}

/**
 * The settings that flags give an entry, with the defaults of its options.
 *
 * @throws UsageError for an option that was given and belongs to other entries, where `unused` says why.
 */
export function settingsGiven(
  entry: Entry,
  entries: readonly Entry[],
  flags: object,
  { unused, defaults = true }: Reading = {},
): Record<string, unknown> {
  if (unused !== undefined) refuseUnused([entry], entries, flags, unused);
  const given: Record<string, unknown> = {};
  for (const option of optionsOf(entries).filter((one) => owns(entry, one))) {
    const { settings, takes } = option;
    const value = flagIn(flags, option) ?? (defaults ? option.default : undefined);
    if (value === undefined) continue;
    const values = takes === "list" ? `${value}`.split(",").map(Number) : value;
    const [first] = settings;
    if (settings.length === 1) given[first!] = values;
    else settings.forEach((name, i) => (given[name] = (values as number[])[i]));
  }
  return given;
}

/** Refuses an option that none of the chosen entries has. @throws UsageError naming it, the entries it is for, and why. */
export function refuseUnused(
  chosen: readonly Entry[],
  entries: readonly Entry[],
  flags: object,
  why: string,
): void {
  for (const option of optionsOf(entries)) {
    if (flagIn(flags, option) === undefined || chosen.some((one) => owns(one, option))) continue;
    const owners = entries.filter((one) => owns(one, option)).map(({ name }) => name);
    throw new UsageError(`--${option.option} is for ${listed(owners)}; ${why}.`);
  }
}

function owns({ settings: { shape } }: Entry, { settings }: SettingOption): boolean {
  return settings.some((name) => name in shape);
}

function flagIn(flags: object, option: SettingOption): string | number | undefined {
  return (flags as Record<string, string | number | undefined>)[keyOf(option)];
}
