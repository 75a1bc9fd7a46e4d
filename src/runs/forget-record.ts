/** What a run writes down of D_f: which images, their classes and a digest of their content. */
import { z } from "zod";
import { copiesOf } from "../data/copies.ts";
import { bytesOf, type Dataset, imageName, imageNumber } from "../data/dataset.ts";
import { DataError } from "../errors.ts";
import { sha256 } from "../platform/digest.ts";
import { dirname, exists, fileInfo, join, readJson } from "../platform/files.ts";
import { RunFolder } from "../report/run-folder.ts";
import type { Corrupted } from "../scenarios/scenario.ts";
import { type ForgetConfig, forgetSchema, type SetupConfig } from "./config.ts";

/** The file of {@link ForgetRecord}. */
export const forgetFile = "forget.json";

const recordSchema = z.looseObject({
  digest: z.string(),
  select: forgetSchema,
  images: z.array(
    z.looseObject({
      name: z.string(),
      class: z.string(),
      trainedAs: z.string().optional(),
      sha256: z.string(),
    }),
  ),
});

/** What is read of a {@link ForgetRecord}. */
export type KnownForget = z.infer<typeof recordSchema>;

/** D_f of a run. */
export interface ForgetRecord {
  readonly dataset: string;
  /** Images in D_f, and training images. */
  readonly count: number;
  readonly of: number;
  /** SHA-256 of all images of D_f, their pixels and labels. */
  readonly digest: string;
  /** How the same images are asked for again. */
  readonly select: ForgetConfig;
  /** Copies of images in D_f among the others, byte for byte. */
  readonly copies: readonly { readonly of: string; readonly name: string }[];
  readonly images: readonly ForgottenImage[];
}

/** An image of D_f. */
export interface ForgottenImage {
  readonly name: string;
  /** In the training set. */
  readonly number: number;
  readonly class: string;
  /** The class it was trained as, where that is another. */
  readonly trainedAs?: string;
  /** SHA-256 of its pixels. */
  readonly sha256: string;
}

/** How many images of D_f were trained with another label than their own. */
export function wrongLabelsIn({
  train,
  labels,
  forget,
}: Pick<Corrupted, "train" | "labels" | "forget">): number {
  return forget.filter((place) => labels[place] !== train.labels[place]).length;
}

/** How many images are D_f, which, and whether their labels are wrong, in a sentence. */
export function forgetText(
  corrupted: Pick<Corrupted, "train" | "labels" | "forget">,
  { scenario: { name }, forget: asked }: Pick<SetupConfig, "forget" | "scenario">,
): string {
  const [count, of] = [corrupted.forget.length, corrupted.train.count];
  const wrong = wrongLabelsIn(corrupted);
  const whole = count === of ? `all ${of} images` : `${count} of the ${of} training images`;
  const which = asked === undefined && count < of ? ", drawn at random" : "";
  const said =
    wrong === 0
      ? ""
      : `; ${wrong === count ? "all" : wrong} of them have a wrong label (\`scenario=${name}\`)`;
  return `D_f is ${whole}${which}${said}`;
}

/** Describes D_f. */
export async function forgetRecord(
  {
    train,
    labels,
    forget,
    copies: known = copiesOf(train, forget),
  }: Pick<Corrupted, "train" | "labels" | "forget" | "copies">,
  { forget: asked }: Pick<SetupConfig, "forget">,
): Promise<ForgetRecord> {
  const images: ForgottenImage[] = [];
  for (const place of forget) images.push(await describe(train, labels, place));
  const text = JSON.stringify(images.map((image) => ({ ...image, number: undefined })));
  const all = { digest: await sha256(new TextEncoder().encode(text)) };
  const copies = known.flatMap(({ place, copies: places }) =>
    places.map((copy) => ({ of: imageName(train, place), name: imageName(train, copy) })),
  );
  return {
    dataset: train.name,
    count: forget.length,
    of: train.count,
    ...all,
    select: selectAgain(images, train, asked),
    copies,
    images,
  };
}

function imageDigest({ pixels, count }: Dataset, place: number): Promise<string> {
  const size = pixels.length / count;
  return sha256(bytesOf(pixels.slice(place * size, (place + 1) * size)));
}

async function describe(
  train: Dataset,
  labels: ArrayLike<number>,
  place: number,
): Promise<ForgottenImage> {
  const [own, trained] = [train.labels[place]!, labels[place]!];
  return {
    name: imageName(train, place),
    number: imageNumber(train, place),
    class: train.classes[own]!,
    ...(own === trained ? {} : { trainedAs: train.classes[trained]! }),
    sha256: await imageDigest(train, place),
  };
}

/** Names, numbers where images have none; a folder of D_f is read again. */
function selectAgain(
  images: readonly ForgottenImage[],
  { names }: Dataset,
  asked: ForgetConfig | undefined,
): ForgetConfig {
  if (asked?.dir !== undefined) return asked;
  return names === undefined
    ? { images: [{ numbers: images.map(({ number }) => number) }] }
    : { images: [{ names: images.map(({ name }) => name) }] };
}

/**
 * Writes D_f into a run's folder.
 *
 * @throws DataError where the folder has another one: images, labels or files have changed since.
 */
export async function recordForget(folder: RunFolder, record: ForgetRecord): Promise<void> {
  if (await exists(folder.file(forgetFile))) {
    const { digest } = await readForgetRecord(folder.path);
    if (digest === record.digest) return;
    throw new DataError(
      `the images to forget are not those that "${folder.path}" began with (${forgetFile}): files or labels have ` +
        "changed since. Put them back, or give another `out`.",
    );
  }
  await folder.writeJson(forgetFile, record);
}

/** The folder of a run, which may be given by a file in it. */
export async function runOf(path: string): Promise<string> {
  return (await fileInfo(path))?.directory === false ? dirname(path) : path;
}

/** Reads D_f of a run, of which a file may be given. @throws DataError where the folder has none. */
export async function readForgetRecord(path: string): Promise<KnownForget> {
  const run = await runOf(path);
  const file = join(run, forgetFile);
  if (!(await exists(file))) {
    throw new DataError(
      `"${path}" does not say which images were forgotten: there is no ${forgetFile}.`,
    );
  }
  const parsed = recordSchema.safeParse(await readJson(file));
  if (!parsed.success) {
    throw new DataError(`"${file}" is not valid:\n${z.prettifyError(parsed.error)}`);
  }
  if (parsed.data.select.dir === undefined || !(await exists(join(run, "config.json")))) {
    return parsed.data;
  }
  const select = await (await RunFolder.open(run)).relocated(parsed.data.select);
  return { ...parsed.data, select: select as ForgetConfig };
}

/** Whether D_f has all images of an earlier record, with their contents and labels. */
export function holdsForgotten(record: ForgetRecord, earlier: KnownForget): boolean {
  const keyOf = (
    image: Omit<ForgottenImage, "number" | "trainedAs"> & { trainedAs?: unknown },
  ): string =>
    JSON.stringify([image.name, image.class, image.trainedAs ?? image.class, image.sha256]);
  const there = new Set(record.images.map(keyOf));
  return earlier.images.every((image) => there.has(keyOf(image)));
}

/** How many training images outside D_f are, by their pixels, images of an earlier record. */
export async function keptThatWereForgotten(
  { train, forget }: Pick<Corrupted, "train" | "forget">,
  earlier: KnownForget,
): Promise<number> {
  const known = new Set(earlier.images.map(({ sha256 }) => sha256));
  const chosen = new Set(forget);
  let count = 0;
  for (let place = 0; place < train.count; place++) {
    if (!chosen.has(place) && known.has(await imageDigest(train, place))) count++;
  }
  return count;
}
