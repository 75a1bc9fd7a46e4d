/** The options that say which images are D_f, and the configuration they become. */
import { type Command, InvalidArgumentError } from "commander";
import { DataError, UsageError } from "../errors.ts";
import { absolutePath, readText } from "../platform/files.ts";
import type { ForgetConfig } from "../runs/config.ts";
import { readForgetRecord } from "../runs/forget-record.ts";
import type { Selection } from "../scenarios/selection.ts";
import { number, repeatable, texts } from "./parse.ts";

/** Flags as commander parses them. */
export interface ForgetFlags {
  forgetFiles?: string[];
  forgetIndices?: string[];
  forgetClass?: string[];
  forgetGlob?: string[];
  forgetData?: string;
  forgetLabel?: string;
  forgetRandom?: number;
  forgetCopies?: true;
  sameAs?: string;
}

/** Parses a share strictly between 0 and 1, and adds it to those before. */
function share(text: string, before = 0): number {
  const sum = before + number({ above: 0, below: 1 })(text);
  if (sum < 1) return sum;
  throw new InvalidArgumentError(`makes a share of ${sum} together: all images, or more.`);
}

/** Adds the options that say which images are to be forgotten. */
export function forgetOptions(command: Command): Command {
  return command
    .optionsGroup("Which images must go (D_f); several of these add up:")
    .option(
      "--forget-files <list>",
      "a file with their names, one a line (-: standard input)",
      texts,
    )
    .option(
      "--forget-indices <file>",
      "a file with their numbers in the training set, from 0",
      texts,
    )
    .option("--forget-class <name...>", "all images of these classes")
    .option("--forget-glob <pattern...>", "all whose name fits, as 'train/cat/*' or '*_17.png'")
    .option("--forget-random <share>", "a random share of the training images", repeatable(share))
    .option(
      "--forget-data <dir>",
      "a folder of them: DIR/CLASS/*.jpg, or with a metadata.csv (file_name,label)",
      absolutePath,
    )
    .option("--forget-label <class>", "--forget-data: the class of all its images")
    .option("--forget-copies", "copies of them among the other training images go as well")
    .option("--same-as <dir>", "those of another run (its forget.json)")
    .optionsGroup("Options:");
}

/** The D_f that flags describe, undefined where there are none. @throws DataError for a list that cannot be read. */
export async function forgetConfig(flags: ForgetFlags): Promise<ForgetConfig | undefined> {
  const images: Selection[] = [];
  for (const file of flags.forgetFiles ?? []) images.push({ names: await lines(file) });
  for (const file of flags.forgetIndices ?? []) images.push({ numbers: await wholeNumbers(file) });
  if (flags.forgetClass !== undefined) images.push({ classes: flags.forgetClass });
  if (flags.forgetGlob !== undefined) images.push({ glob: flags.forgetGlob });
  if (flags.forgetRandom !== undefined) images.push({ share: flags.forgetRandom });
  const { forgetData: dir, forgetLabel: label, forgetCopies: copies, sameAs } = flags;
  const given = {
    ...(images.length === 0 ? {} : { images }),
    ...(dir === undefined ? {} : { dir }),
    ...(label === undefined ? {} : { label }),
    ...(copies === undefined ? {} : { copies }),
  };
  if (label !== undefined && dir === undefined) {
    throw new UsageError("--forget-label is the class of the images in --forget-data: give both.");
  }
  if (sameAs !== undefined) {
    const { select } = await readForgetRecord(sameAs);
    if (Object.keys(given).length === 0) return select;
    if (select.dir !== undefined) {
      throw new UsageError(
        `--same-as ${sameAs}: its D_f is the folder "${select.dir}". With other images give --forget-data ${select.dir} in its place.`,
      );
    }
    return { ...given, images: [...(select.images ?? []), ...images] };
  }
  if (copies === true && images.length === 0 && dir === undefined) {
    throw new UsageError("--forget-copies: say of which images, by another --forget option.");
  }
  return Object.keys(given).length === 0 ? undefined : given;
}

/** Lines that are not empty, of a file or of standard input. */
async function lines(file: string): Promise<string[]> {
  const text = file === "-" ? await standardInput() : await readText(file);
  const found = text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
  if (found.length === 0) {
    throw new DataError(`${file === "-" ? "standard input" : file}: it names no images.`);
  }
  return found;
}

/** Whole numbers with blanks, commas or line ends between. */
async function wholeNumbers(file: string): Promise<number[]> {
  const words = (await lines(file)).flatMap((line) => line.split(/[\s,;]+/)).filter((word) => word);
  const wrong = words.find((word) => !/^\d{1,9}$/.test(word));
  if (wrong !== undefined) {
    throw new DataError(`${file}: "${wrong}" is no number of an image; they count from 0.`);
  }
  return words.map(Number);
}

async function standardInput(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of process.stdin)
    text += decoder.decode(chunk as Uint8Array, { stream: true });
  return text + decoder.decode();
}
