/** `rewind methods`: the unlearning methods, what they read and their settings. */
import type { Command } from "commander";
import { z } from "zod";
import { methods } from "../unlearn/methods/index.ts";
import type { Method } from "../unlearn/method.ts";
import { example } from "./examples.ts";
import { methodFlags } from "./flags.ts";
import { answer } from "./output.ts";

/** A setting of a method. */
interface Setting {
  readonly name: string;
  /** What it takes, in words. */
  readonly takes: string;
  readonly default?: unknown;
  readonly required: boolean;
  /** What it is, in words; absent where a method of someone's own says nothing. */
  readonly explanation?: string;
  /** How the command line gives it. */
  readonly option: string;
}

/** The parts of a JSON schema that are looked at. */
interface JsonSchema {
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** What a schema takes: "whole number, at least 1". */
function takes(schema: JsonSchema): string {
  const { type, enum: words, anyOf, items, minimum, maximum, exclusiveMinimum } = schema;
  if (words !== undefined) return words.join(", ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (anyOf !== undefined) return anyOf.map(takes).join(" or ");
  if (type === "array") return `list of ${items === undefined ? "anything" : takes(items)}`;
  if (type === "boolean") return "true, false";
  if (type === "string") return "text";
  if (type !== "number" && type !== "integer") return "JSON";
  const low = bound(minimum);
  const high = bound(maximum) ?? bound(schema.exclusiveMaximum);
  const range = [
    exclusiveMinimum === undefined ? low && `at least ${low}` : `above ${exclusiveMinimum}`,
    high && `${maximum === undefined ? "below" : "at most"} ${high}`,
  ].filter((part) => part !== undefined);
  return [type === "integer" ? "whole number" : "number", ...range].join(", ");
}

/** A bound that says something: not that of all safe integers. */
function bound(value: number | undefined): string | undefined {
  return value === undefined || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : `${value}`;
}

/** What a setting is where nothing is given, if anything. */
function defaultOf(setting: z.ZodType): { default?: unknown } {
  const { success, data } = setting.safeParse(undefined);
  return success && data !== undefined ? { default: data } : {};
}

/** The settings of a method, from its schema. */
export function settingsOf({ settings }: Pick<Method, "settings">): Setting[] {
  const schema = z.toJSONSchema(settings, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const { shape } = settings as z.ZodObject;
  return Object.entries(schema.properties ?? {}).map(([name, one]) => ({
    name,
    takes: takes(one),
    ...(one.description === undefined ? {} : { explanation: one.description }),
    ...defaultOf(shape[name] as z.ZodType),
    required: schema.required?.includes(name) ?? false,
    option: methodFlags[name] ?? `--set ${name}=…`,
  }));
}

/** Rows of text in columns, each as wide as its longest. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A text in lines of at most so many signs, where its words allow it. */
function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}

function overview(): string {
  const rows = methods.all.map(({ name, reads, summary }) => [name, reads, summary]);
  return `${aligned([["method", "reads", "what it does"], ...rows])}\n\nrewind methods NAME lists the settings of one.`;
}

function description(method: Method): string {
  const { name, reads, summary } = method;
  const settings = settingsOf(method);
  const rows = settings.map((one) => [
    one.name,
    one.default === undefined ? (one.required ? "needed" : "–") : JSON.stringify(one.default),
    one.takes,
    one.option,
  ]);
  const head = `${name}: ${summary}\nreads ${reads}`;
  if (rows.length === 0) return `${head}\n\nIt has no settings.`;
  const [titles, ...lines] = aligned([["setting", "default", "takes", "option"], ...rows]).split(
    "\n",
  );
  const explained = lines.flatMap((line, i) => {
    const { explanation } = settings[i]!;
    return explanation === undefined
      ? [line]
      : [line, ...wrapped(explanation, 96).map((one) => `    ${one}`)];
  });
  return [head, "", titles, ...explained].join("\n");
}

export function registerMethods(command: Command): void {
  command.argument("[name]", "a method");
  example(command, "what can be set of salun", "rewind methods salun").action((name?: string) => {
    if (name === undefined) {
      const all = methods.all.map(({ name, reads, summary }) => ({ name, reads, summary }));
      return answer({ methods: all }, overview);
    }
    const method = methods.find(name);
    const { reads, summary } = method;
    answer({ name, reads, summary, settings: settingsOf(method) }, () => description(method));
  });
}
