/**
 * Registries: everything of a kind by name. What the project brings stands in a list, one line each; what a user
 * brings is added, before a configuration, a command or a report asks for it by name.
 */
import { z } from "zod";
import { UsageError } from "./errors.ts";

/** Whatever can be found by name. */
export interface Named {
  readonly name: string;
}

/** Everything of one kind, in order. */
export class Registry<T extends Named> {
  /** What an entry is, for errors: "unlearning method". */
  readonly what: string;
  readonly #entries = new Map<string, T>();

  constructor(what: string, entries: readonly T[]) {
    this.what = what;
    for (const entry of entries) this.add(entry);
  }

  /** Adds an entry, at the end; returns it. @throws UsageError if its name is taken. */
  add<E extends T>(entry: E): E {
    if (this.#entries.has(entry.name)) {
      throw new UsageError(`there is a ${this.what} "${entry.name}" already; choose another name.`);
    }
    this.#entries.set(entry.name, entry);
    return entry;
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
 * added later count as well.
 */
export function choiceSchema<
  T extends Named & { readonly settings: z.ZodObject },
  C extends Choice = Choice,
>(registry: Registry<T>): z.ZodType<C, C> {
  return z.custom<C>().transform((value, context): C => {
    const named = z.looseObject({ name: z.enum(registry.names) }).safeParse(value);
    const result = named.success
      ? named.data && chosen(registry.find(named.data.name)).safeParse(value)
      : named;
    if (result.success) return result.data as C;
    for (const issue of result.error.issues) {
      context.issues.push({ ...issue, input: value } as (typeof context.issues)[number]);
    }
    return z.NEVER;
  });
}

/** The settings of an entry, its name in front. */
function chosen({ name, settings }: Named & { readonly settings: z.ZodObject }): z.ZodObject {
  return z.strictObject({ name: z.literal(name), ...settings.shape });
}
