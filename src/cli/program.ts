/** All commands as one program, and what becomes of their errors. */
import { Command, CommanderError, Help } from "commander";
import { UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { beginCommand, releaseFolders } from "./claims.ts";
import { commands, type Listed } from "./commands.ts";
import { beginOutput, type OutputFlags, owesJson } from "./output.ts";
import { refuseSilence } from "./parse.ts";
import { meantCommand, withShare, withSuggestion } from "./suggest.ts";
import { packageVersion } from "./version.ts";

/** Exit codes besides 0. */
const exits = { failed: 1, usage: 2, interrupted: 130 } as const;

/** Commands whose files are not loaded. */
const waiting = new WeakMap<Command, Listed>();

/**
 * The program. Every command has its name and line of help; its options and action come with its file, and those that run
 * a network load most of the package.
 *
 * @param words a command line: the file of the command that it names is loaded. Default: those of all commands.
 */
export async function program(words?: readonly string[]): Promise<Command> {
  const root = new Command("rewind")
    .description("Make a trained network forget: WebGPU training, unlearning and weight rewinding.")
    .version(await packageVersion(), "-V, --version", "print the version")
    .exitOverride()
    // Errors are printed in one place, below.
    .configureOutput({ outputError: () => {} })
    .configureHelp({
      subcommandTerm: (command) => waiting.get(command)?.term ?? new Help().subcommandTerm(command),
    });
  for (const [group, entries] of Object.entries(commands)) {
    root.commandsGroup(group);
    for (const one of entries) {
      const [name] = one.term.split(" ");
      waiting.set(root.command(name!).description(one.description), one);
    }
  }
  refuseSilence(root);
  root.hook("preAction", (_, command) => beginOutput(command.opts<OutputFlags>()));
  // `help` takes the name of a command.
  const [named] = words?.filter((word) => !word.startsWith("-") && word !== "help") ?? [];
  for (const command of root.commands) {
    if (words === undefined || command.name() === named) await load(command);
  }
  return root;
}

/** Loads the file of a command, once. */
async function load(command: Command): Promise<void> {
  const listed = waiting.get(command);
  if (listed === undefined) return;
  const register = await listed.load();
  waiting.delete(command);
  register(command);
  outputOptions(command);
  refuseSilence(command);
}

/** Adds `--quiet` and `--json` to every command that does something. */
function outputOptions(command: Command): void {
  for (const one of command.commands) outputOptions(one);
  if (command.commands.length > 0) return;
  command
    .optionsGroup("Output:")
    .option(
      "--quiet",
      "nothing on stderr but errors: no notes, no progress (where it goes to a file, Dawn may add two warnings)",
    )
    .option("--json", "the result as one JSON document on stdout");
}

/** Runs a command line (its words); returns the exit code: 0, 1 for a failure, 2 for wrong usage, 130 for an interruption. */
export async function runCommand(words: readonly string[]): Promise<number> {
  beginOutput({ json: words.includes("--json") });
  beginCommand(words);
  const root = await program(words);
  try {
    try {
      await root.parseAsync(words, { from: "user" });
    } finally {
      await releaseFolders();
    }
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return refused(root, words, error);
    const { name, message, stack = "" } = error as Error;
    const { inFlags } = await import("./flags.ts");
    const debug = process.env["REWIND_DEBUG"] !== undefined;
    tell(name, withSuggestion(inFlags(message)), debug ? inFlags(stack) : undefined);
    if (name === "AbortError") return exits.interrupted;
    return error instanceof UsageError ? exits.usage : exits.failed;
  }
}

/** An error on stderr, and on stdout where JSON is wanted and no result was given. */
function tell(name: string, message: string, detail = message): void {
  // A method may have the program's name.
  console.error(detail.startsWith("rewind: ") ? detail : `rewind: ${detail}`);
  if (owesJson()) console.log(JSON.stringify({ error: message, name }, null, 2));
}

/** What commander says of words it cannot use; help and the version are no errors. */
async function refused(
  root: Command,
  words: readonly string[],
  error: CommanderError,
): Promise<number> {
  if (error.exitCode === 0) return 0;
  const command = commandOf(root, words);
  const { message } = (await likelier(command, error)) ?? error;
  // Help for a group of commands that was named alone.
  if (error.code === "commander.help") return exits.usage;
  const path = pathOf(command.command);
  tell(
    "UsageError",
    `${withSuggestion(withShare(message.replace(/^error: /, "")))}\n(${path} --help lists ${
      command.command.commands.length > 0 ? "the commands" : "its options, with an example"
    })`,
  );
  return exits.usage;
}

/** A command, and the words after it. */
interface Called {
  readonly command: Command;
  readonly rest: readonly string[];
}

/** An error that is likelier than commander's to be what went wrong, or says more. */
async function likelier(
  { command, rest }: Called,
  error: CommanderError,
): Promise<Error | undefined> {
  if (error.code === "commander.unknownCommand") return renamed(command, rest);
  if (error.code === "commander.excessArguments") return unflagged(command, rest);
  if (error.code.startsWith("commander.missing")) {
    return misspelt(command, rest) ?? unflagged(command, rest);
  }
  return misplaced(command, error.message);
}

/** The command that words name, and the words after it. */
function commandOf(root: Command, words: readonly string[]): Called {
  const next = root.commands.find((one) => one.name() === words[0]);
  return next === undefined ? { command: root, rest: words } : commandOf(next, words.slice(1));
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** The error of a command that is called by another word. */
function renamed(group: Command, [word]: readonly string[]): Error | undefined {
  const name = meantCommand(word);
  if (!group.commands.some((one) => one.name() === name)) return undefined;
  return new Error(`unknown command '${word}'\n(Did you mean ${name}?)`);
}

/** Options that name what a command works on. */
const inputs = {
  "--run": "a run's folder",
  "--from": "a network",
  "--data": "images",
} as const;

/** The error of a path without its option. */
function unflagged(command: Command, words: readonly string[]): Error | undefined {
  command.restoreStateBeforeParse();
  const { operands } = command.parseOptions([...words]);
  const { length } = command.registeredArguments;
  const [flag, ...more] = Object.entries(inputs)
    .filter(([long]) => command.options.some((option) => option.long === long))
    .map(([long, what]) => `${what} by ${long}`);
  if (operands.length <= length || flag === undefined) return undefined;
  return new Error(
    `'${operands[length]}' stands without an option: give ${[flag, ...more].join(", ")}.`,
  );
}

/** The error of an option that stands before the command it belongs to. */
async function misplaced(group: Command, message: string): Promise<Error | undefined> {
  const [, flag] = /unknown option '(--[^']+)'/.exec(message) ?? [];
  if (flag === undefined) return undefined;
  for (const command of group.commands) await load(command);
  const owner = leaves(group).find(({ options }) => options.some(({ long }) => long === flag));
  if (owner === undefined || owner === group) return undefined;
  return new Error(`${flag} stands after the command: ${pathOf(owner)} … ${flag}`);
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** The error of an option that does not exist: it is the likelier reason for one that is missing. */
function misspelt(command: Command, words: readonly string[]): Error | undefined {
  command.restoreStateBeforeParse();
  const flag = command.parseOptions([...words]).unknown.find((word) => word.startsWith("-"));
  if (flag === undefined) return undefined;
  const names = command.options.flatMap(({ long }) => long ?? []);
  const name = nearest(flag, names);
  return new Error(
    `unknown option '${flag}'${name === undefined ? "" : `\n(Did you mean ${name}?)`}`,
  );
}
