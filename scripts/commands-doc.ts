/**
 * docs/commands.md, from what the command line says of itself: `npm run docs:commands` writes it.
 *
 * The help of a command is the only place where its flags are described; test/docs.test.ts compares.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Command } from "commander";
import { program } from "../src/cli/program.ts";

/** The file that is written. */
export const commandsFile = fileURLToPath(new URL("../docs/commands.md", import.meta.url));

/** Columns that help is wrapped to, whatever the terminal. */
const columns = 100;

function helpOf(command: Command): string {
  let help = "";
  command
    .configureOutput({
      writeOut: (text) => (help += text),
      getOutHelpWidth: () => columns,
      getOutHasColors: () => false,
    })
    .outputHelp();
  return help.trim();
}

/** A command and those under it, each with its words. */
function commandsUnder(command: Command, before = ""): [words: string, command: Command][] {
  const words = `${before}${command.name()}`;
  return [[words, command], ...command.commands.flatMap((one) => commandsUnder(one, `${words} `))];
}

/** The text of docs/commands.md. */
export async function commandsDoc(): Promise<string> {
  const sections = commandsUnder(await program()).map(
    ([words, command]) => `## \`${words}\`\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`,
  );
  return `# Commands

This is what \`--help\` says of each command. \`npm run docs:commands\` writes this file; change the help in \`src/cli\`, not the text here.

${sections.join("\n")}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const text = await commandsDoc();
  const before = readFileSync(commandsFile, { encoding: "utf8", flag: "a+" });
  if (text !== before) writeFileSync(commandsFile, text);
  console.log(`docs/commands.md ${text === before ? "is as it was" : "is written"}`);
}
