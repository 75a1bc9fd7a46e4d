/** "Did you mean": the nearest of the names that a message lists. */
import { nearest } from "../nearest.ts";

/** Commands by other words for what they do. */
const synonyms = new Map<string, string>([
  ...["forget", "erase", "remove"].map((word) => [word, "unlearn"] as const),
  ...["test", "eval", "measure"].map((word) => [word, "evaluate"] as const),
  ...["infer", "answer"].map((word) => [word, "classify"] as const),
  ["generate", "sample"],
  ["compare", "experiment"],
  ["download", "fetch"],
]);

/** The command that was meant by another word for it, or undefined. */
export function meantCommand(word: string | undefined): string | undefined {
  return synonyms.get(word?.toLowerCase() ?? "");
}

/** A message that refuses a share, with what it is in place of a percentage. */
export function withShare(message: string): string {
  const [, percent = "", sign] =
    /<share>' argument '(\d+\.?\d*|\.\d+)\s*(%?)' is invalid/.exec(message) ?? [];
  const value = Number(percent);
  if (percent === "" || value > 100 || (value <= 1 && sign === "")) return message;
  return `${message} ${value} % is ${Number((value / 100).toPrecision(12))}.`;
}

/** A message that refuses a word and lists the right ones, with the nearest of them added. */
export function withSuggestion(message: string): string {
  const listed =
    /(?:["']([^"']+)["'] is invalid\. (?:Allowed choices|allowed) are|"([^"]+)"[^"]*; there are:) ([^"]+?)\.?$/.exec(
      message,
    );
  if (listed === null) return message;
  const names = listed[3]!.split(/,\s*/).filter((name) => /^[\w+.-]+$/.test(name));
  const name = nearest((listed[1] ?? listed[2])!, names);
  return name === undefined ? message : `${message}\n(Did you mean ${name}?)`;
}
