/** The options of a queue, which `experiment` and `worker` have. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { UsageError } from "../errors.ts";

/** The variable that says which queue, so that a password stands in no list of processes. */
const variable = "REWIND_QUEUE";

/** Adds `--queue`. */
export function queueOption(command: Command): Command {
  return command.option(
    "--queue <url>",
    `queue on Redis: redis://[USER:PASSWORD@]HOST[:PORT], rediss:// with TLS; also the variable ${variable}`,
  );
}

/** The option `--store`. */
export function storeOption(): Option {
  return new Option(
    "--store <place>",
    "results and checkpoints: a folder that all machines share, or s3://BUCKET/PREFIX?endpoint=URL&region=NAME",
  );
}

/** The address that is given, or the variable's. */
function addressOf(given: string | undefined): string | undefined {
  return (given ?? process.env[variable]) || undefined;
}

/** The address of the queue, where there is one: an experiment with a --store has that of the variable. */
export function queueOf({ queue, store }: { queue?: string; store?: string }): string | undefined {
  return store === undefined ? queue : addressOf(queue);
}

/** Which queue. @throws UsageError where nothing says. */
export function queueAddress({ queue }: { readonly queue?: string }): string {
  const address = addressOf(queue);
  if (address !== undefined) return address;
  throw new UsageError(`nothing says which queue: give --queue, or set ${variable}.`);
}

/** Splits `[HOST:]PORT`. @throws InvalidArgumentError for what is none. */
export function placeToListen(text: string): { readonly host: string; readonly port: number } {
  const [, host = "127.0.0.1", port = text] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (/^\d{1,5}$/.test(port) && Number(port) < 65_536) {
    return { host: host.replaceAll(/^\[|\]$/g, ""), port: Number(port) };
  }
  throw new InvalidArgumentError("needs a port, or a host and a port such as 0.0.0.0:9400.");
}

/** Checks `[HOST:]PORT`; it stays text. */
export function checkedPlace(text: string): string {
  placeToListen(text);
  return text;
}
