/**
 * Registries: everything of a kind by name. What the project brings stands in a list, one line each; what a user
 * brings is added, before a configuration, a command or a report asks for it by name.
 */
import { z } from "zod";
import { checked, functionSchema, shown } from "./checked.ts";
import { UsageError } from "./errors.ts";

/** Whatever can be found by name. */
export interface Named {
  readonly name: string;
}

/** Settings of an entry that commands take as an option of their own. */
export interface SettingOption {
  /** The option without its dashes: "signature". */
  readonly option: string;
  /** What stands after it, as help shows it: "columns,value". */
  readonly value: string;
  /** For help. */
  readonly text: string;
  /** The settings it gives; to several of them one number each. */
  readonly settings: readonly string[];
  /** What it takes: a number, one of some words, or numbers with commas between. */
  readonly takes:
    | { readonly integer?: true; readonly min: number; readonly max?: number }
    | { readonly choices: readonly string[] }
    | "list";
  /** What is given where the option is left out. */
  readonly default?: number | string;
  /** What the setting is where nothing is given, for help. */
  readonly usual?: number | string;
}

/** A schema of what an entry must have: fields of these kinds, and any others. */
export function entrySchema(fields: Readonly<Record<string, z.ZodType>>): z.ZodType {
  return z.looseObject(fields);
}

/** Kinds of fields that entries have. */
export const entryKinds: Readonly<Record<"function" | "text" | "settings" | "schema", z.ZodType>> =
  {
    function: functionSchema,
    text: z.string(),
    settings: z.custom((value) => value instanceof z.ZodObject, {
      error: "expected a zod object, as z.strictObject({ … }) makes it",
    }),
    schema: z.custom((value) => typeof (value as z.ZodType | null)?.safeParse === "function", {
      error: "expected a zod schema",
    }),
  };

/** Everything of one kind, in order. */
export class Registry<T extends Named> {
  /** What an entry is, for errors: "unlearning method". */
  readonly what: string;
  readonly #entries = new Map<string, T>();
  readonly #requires: z.ZodType;

  /** @param requires what an entry must have besides its name. */
  constructor(what: string, entries: readonly T[], requires: z.ZodType = z.looseObject({})) {
    this.what = what;
    this.#requires = requires;
    for (const entry of entries) this.add(entry);
  }

  /**
   * Adds an entry, at the end; returns it.
   *
   * @throws UsageError if it has no proper name, one that is taken, or not all that such an entry needs; it is not added
   *   then.
   */
  add<E extends T>(entry: E): E {
    const { name } = this.#requireEntry(entry);
    if (typeof name !== "string" || !/^[\w+.-]*\w$/.test(name) || name.startsWith("-")) {
      throw new UsageError(
        `${this.what} "${name}": a name has letters, digits, _, +, . and - in it, no blanks or commas.`,
      );
    }
    if (this.#entries.has(name)) {
      throw new UsageError(`the ${this.what} "${name}" is there already; choose another name.`);
    }
    checked(this.#requires, entry, `${this.what} "${name}"`);
    this.#entries.set(name, entry);
    return entry;
  }

  #requireEntry<E extends T>(entry: E): E {
    if (typeof entry === "object" && entry !== null) return entry;
    throw new UsageError(
      `${this.what}: expected a name, or an object as its define function gives it, got ${shown(entry)}.`,
    );
  }

  /**
   * The entry of that name, or an entry itself, which is added where it is not there yet.
   *
   * @throws UsageError where there is none of that name, or another one has it.
   */
  known(entry: T | string): T {
    if (typeof entry === "string") return this.find(entry);
    const there = this.#entries.get(this.#requireEntry(entry).name);
    if (there === undefined) return this.add(entry);
    if (there === entry) return entry;
    throw new UsageError(
      `another ${this.what} is called "${entry.name}" already; give this one another name.`,
    );
  }

  /** All entries, in the order they were added. */
  get all(): readonly T[] {
    return [...this.#entries.values()];
  }

  /** Names of all entries, in order. */
  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** @throws UsageError listing the names there are. */
  find(name: string): T {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      throw new UsageError(`no ${this.what} "${name}"; there are: ${this.names.join(", ")}.`);
    }
    return entry;
  }
}

/** Names in a sentence: "a, b and c". */
export function listed(names: readonly string[], word: "and" | "or" = "and"): string {
  if (names.length < 2) return names.join();
  return `${names.slice(0, -1).join(", ")} ${word} ${names.at(-1)!}`;
}

/** A schema of the names of a registry, of later ones too. */
export function nameSchema(registry: Registry<Named>): z.ZodType<string, string> {
  return z.string().refine((name) => registry.has(name), {
    error: () =>
      `Invalid option: expected one of ${registry.names.map((name) => `"${name}"`).join("|")}`,
  });
}

/** A name and the settings that belong to it, as configurations hold them. */
export type Choice<Name extends string = string> = {
  readonly name: Name;
  readonly [setting: string]: unknown;
};

/**
 * A schema of `{ name, ...settings }`, where the entry of that name says which settings there are. Entries that are
 * added later count as well; an alias of one is an error that says how it is written.
 *
 * @param key the field that holds the name.
 * @param fields what every entry is given besides its settings.
 */
export function choiceSchema<
  T extends Named & {
    readonly settings: z.ZodObject;
    readonly aliases?: Readonly<Record<string, object>>;
  },
  C extends object = Choice,
>(registry: Registry<T>, key = "name", fields: z.ZodRawShape = {}): z.ZodType<C, C> {
  return z.custom<C>().transform((value, context): C => {
    const named = z.looseObject({ [key]: z.enum(registry.names) }).safeParse(value);
    const result = named.success ? chosen(named.data[key] as string).safeParse(value) : named;
    if (result.success) return result.data as C;
    const alias = named.success ? undefined : aliasIn(value);
    if (alias !== undefined) {
      context.issues.push({ code: "custom", path: [key], message: alias, input: value });
      return z.NEVER;
    }
    for (const issue of result.error.issues) {
      context.issues.push({ ...issue, input: value } as (typeof context.issues)[number]);
    }
    return z.NEVER;
  });

  /** How an entry is written that is named by an alias. */
  function aliasIn(value: unknown): string | undefined {
    const name = (value as Readonly<Record<string, unknown>> | null | undefined)?.[key];
    for (const entry of registry.all) {
      for (const [alias, settings] of Object.entries(entry.aliases ?? {})) {
        if (alias !== name) continue;
        const fields = Object.entries({ [key]: entry.name, ...settings }).map(
          ([setting, one]) => `${setting}: ${JSON.stringify(one)}`,
        );
        return `write { ${fields.join(", ")} }`;
      }
    }
    return undefined;
  }

  /** The settings of an entry, its name in front. */
  function chosen(name: string): z.ZodObject {
    const { settings } = registry.find(name);
    return z.strictObject({ [key]: z.literal(name), ...fields, ...settings.shape });
  }
}
