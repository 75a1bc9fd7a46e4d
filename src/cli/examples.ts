/** Examples at the end of a command's help. */
import type { Command } from "commander";

/** Adds an example: what it does, and its lines. */
export function example(command: Command, what: string, ...lines: readonly string[]): Command {
  return command.addHelpText(
    "after",
    `\nExample: ${what}\n${lines.map((line, i) => `  ${i === 0 ? "" : "  "}${line}${i < lines.length - 1 ? " \\" : ""}`).join("\n")}`,
  );
}
