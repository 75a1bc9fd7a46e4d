/** Options for the settings of what is found by name: what the entries of a registry declare. */
import { type Command, Option } from "commander";
import type { Named, SettingOption } from "../registry.ts";
import { integer, number } from "./parse.ts";

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
    if (takes === "list") command.addOption(added);
    else if ("choices" in takes) command.addOption(added.choices(takes.choices));
    else {
      const { integer: whole, min, max } = takes;
      command.addOption(added.argParser(whole === true ? integer(min) : number(min, max)));
    }
  }
  return command;
}

/**
 * The settings that flags give an entry, with the defaults of its options.
 *
 * @param strange what becomes of an option that was given and belongs to other entries: it is dropped, or its settings are
 *   given all the same, for a schema to refuse, or it is refused here. Gets the option's name, and the entries it is for.
 */
export function settingsGiven(
  entry: Entry,
  entries: readonly Entry[],
  flags: object,
  strange: "drop" | "give" | ((option: string, owners: readonly string[]) => never),
): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const option of optionsOf(entries)) {
    const { settings, takes } = option;
    const owns = ({ settings: { shape } }: Entry): boolean =>
      settings.some((name) => name in shape);
    const own = owns(entry);
    const flag = (flags as Record<string, string | number | undefined>)[keyOf(option)];
    const value = flag ?? (own ? option.default : undefined);
    if (value === undefined || (!own && strange === "drop")) continue;
    if (!own && typeof strange === "function") {
      strange(
        option.option,
        entries.filter(owns).map(({ name }) => name),
      );
    }
    const values = takes === "list" ? `${value}`.split(",").map(Number) : value;
    const [first] = settings;
    if (settings.length === 1) given[first!] = values;
    else settings.forEach((name, i) => (given[name] = (values as number[])[i]));
  }
  return given;
}
