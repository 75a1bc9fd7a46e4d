/**
 * What networks look at before and after unlearning: class activation maps of images of D_f as they are in the data set
 * and as they were trained on, and how much of every map of D_f lies on what the scenario put there.
 */
import { ClassMapper, type MapWeights } from "../analysis/class-maps.ts";
import {
  changedPixels,
  enlargedMap,
  type Region,
  shareOn,
  unchangedImages,
  widened,
} from "../analysis/signature.ts";
import { type Dataset, imageName, type Pixels, storedSize, subset } from "../data/dataset.ts";
import type { Extent } from "../data/enlarge.ts";
import { GpuDataset } from "../feed/gpu-dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import type { Scores } from "../metrics/metric.ts";
import { answersOf } from "../metrics/answers.ts";
import { meanAndDeviation } from "../metrics/statistics.ts";
import { Collector } from "../train/collector.ts";
import type { Watch } from "../train/replay.ts";
import type { SetupConfig } from "./config.ts";
import { type GivenNetwork, readRunNetwork } from "./given-network.ts";
import { cleanImages, type RunImages } from "./images.ts";
import { type Job, prepareJob } from "./job.ts";
import { type RecordedRun, unlearnedFile } from "./recorded-run.ts";

/** The class that a map is of: the network's answer to the image, the image's own, or the one it was trained as. */
export const explainedNames = ["answer", "own", "trained"] as const;

export type Explained = (typeof explainedNames)[number];

/** Images of D_f in one form. */
export type ImageForm = "as in the data set" | "as trained on";

/** Shares over images, 0 to 1. */
export interface Shares {
  readonly mean: number | null;
  readonly deviation: number | null;
  /** Images with a positive value in their map; the others have no share. */
  readonly n: number;
}

/** What a network sees in an image. */
export interface SeenImage {
  /** Its answer, and the probability of that, 0 to 1. */
  readonly answer: string;
  readonly confidence: number;
  /** The class the map is of. */
  readonly mapOf: string;
  /** [height, width] of the map; see {@link MapsOfRuns.map}. */
  readonly map: readonly number[];
}

/** Maps of one network. */
export interface NetworkMaps {
  /** "no unlearning", or the run's method. */
  readonly name: string;
  /** The run, its rounds, and its scores at the end. */
  readonly run: string | null;
  readonly scores: Scores;
  /** Share of the positive values of the maps of D_f that lies on the signature; none without a signature. */
  readonly onSignature: readonly { readonly form: ImageForm; readonly shares: Shares }[];
}

/** A row of the figure: an image in one form, as each network sees it. */
export interface ImageRow {
  readonly image: string;
  readonly form: ImageForm;
  readonly class: string;
  readonly trainedAs: string;
  readonly seen: readonly SeenImage[];
}

/** Maps of a network before and after runs. */
export interface MapsOfRuns {
  readonly explained: Explained;
  readonly weights: MapWeights;
  /** Size of a map, and of an image. */
  readonly map: Extent;
  readonly image: Extent & { readonly channels: number };
  /** Images in D_f. */
  readonly forget: number;
  /** What the scenario changed of them, and the region around it in which maps are measured. */
  readonly signature: {
    readonly pixels: number;
    /** Pixels that it is widened by on each side. */
    readonly margin: number;
    /** Share of an image's area: what a map that is the same everywhere has on it. */
    readonly area: number;
  } | null;
  readonly networks: readonly NetworkMaps[];
  readonly rows: readonly ImageRow[];
}

/** A share for each image of D_f: a line of the CSV file. */
export interface ImageShare {
  readonly network: string;
  readonly form: ImageForm;
  readonly image: string;
  readonly answer: string;
  readonly confidence: number;
  readonly share: number;
}

/** What is asked of maps. */
export interface MapOptions {
  /** Images of D_f that are drawn. */
  readonly count: number;
  readonly explained: Explained;
  /** Pixels that the signature is widened by. */
  readonly margin: number;
  readonly watch?: Watch | undefined;
}

/** Maps, the share of every image, and the pixels of the rows. */
export interface DrawnMaps {
  readonly data: MapsOfRuns;
  readonly shares: readonly ImageShare[];
  /** Pixels of each row's image, [height, width, channels] of the size that is stored. */
  readonly pictures: readonly Pixels[];
  readonly stored: Extent;
}

/** D_f in one form, on the device. */
interface Form {
  readonly form: ImageForm;
  readonly images: Dataset;
  readonly data: GpuDataset;
  readonly collector: Collector;
  readonly mapper: ClassMapper;
}

/** Places in D_f of the images that are drawn: the first of each own class, class after class, as often as needed. */
function drawnPlaces(labels: ArrayLike<number>, count: number): number[] {
  const seen = new Map<number, number>();
  return Array.from(labels, (label, place) => {
    const turn = seen.get(label) ?? 0;
    seen.set(label, turn + 1);
    return { place, turn };
  })
    .sort((a, b) => a.turn - b.turn || a.place - b.place)
    .slice(0, count)
    .map(({ place }) => place);
}

function sharesOf(values: readonly number[]): Shares {
  const known = values.filter((value) => !Number.isNaN(value));
  if (known.length === 0) return { mean: null, deviation: null, n: 0 };
  return { ...meanAndDeviation(known), n: known.length };
}

/** What a network sees in D_f of one form. */
async function seen(
  { form, images, data, collector, mapper }: Form,
  trained: Uint16Array,
  explained: Explained,
  watch: Watch,
) {
  const all = Uint32Array.from({ length: images.count }, (_, i) => i);
  const answers = answersOf(await collector.run(all, watch), data.classes);
  const chosen = {
    answer: answers.map((answer) => answer.class),
    own: [...images.labels],
    trained: [...trained],
  }[explained];
  data.setLabels(chosen);
  const maps = await mapper.run(all, watch);
  const size = maps.height * maps.width;
  return {
    form,
    answers,
    chosen,
    maps,
    mapOf: (place: number) => maps.maps.subarray(place * size, (place + 1) * size),
  };
}

async function formOf(
  job: Job<SetupConfig>,
  form: ImageForm,
  images: Dataset,
  owned: Owned,
): Promise<Form> {
  const { model, task, info } = job;
  const { mean, deviation } = info.preprocessing;
  const data = owned.add(await GpuDataset.upload(job.gpu, images, mean, deviation));
  const collector = owned.add(await Collector.create(model, task, data, 64));
  const mapper = owned.add(await ClassMapper.create(model, data));
  return { form, images, data, collector, mapper };
}

/**
 * Maps of the network that runs started from, and of each run's.
 *
 * @param runs runs of one network; see `recordedRuns`.
 * @param given the network they started from; @param images its images and D_f.
 * @throws UsageError where the network has no feature maps.
 */
export async function mapsOfRuns(
  gpu: Gpu,
  runs: readonly RecordedRun[],
  given: GivenNetwork,
  images: RunImages,
  { count, explained, margin, watch = {} }: MapOptions,
): Promise<DrawnMaps> {
  const { setup, forget } = runs[0]!;
  const { train, labels, forget: places } = images.corrupted;
  const clean = await cleanImages(setup, { given });
  const changed = changedPixels(train, clean, places);
  const region = changed && widened(changed, train, margin);
  return Owned.within(async (owned) => {
    const job = owned.add(await prepareJob(gpu, setup, { images, given, forget }));
    const own = subset(train, places);
    const forms = [await formOf(job, "as trained on", own, owned)];
    if (changed !== undefined) {
      const before = unchangedImages(own, clean, places);
      forms.unshift(await formOf(job, "as in the data set", before, owned));
    }
    const trained = Uint16Array.from(places, (place) => labels[place]!);
    const drawn = drawnPlaces(own.labels, count);
    const rows = drawn.flatMap((place) =>
      forms.map((form) => ({ place, form: form.form, seen: [] as SeenImage[] })),
    );
    const shares: ImageShare[] = [];
    const networks: NetworkMaps[] = [];
    let first: Awaited<ReturnType<typeof seen>> | undefined;
    for (const run of [undefined, ...runs]) {
      const name = run?.name ?? "no unlearning";
      if (run !== undefined) {
        const { weights } = await readRunNetwork(run.folder.file(unlearnedFile), setup);
        job.model.load(weights(job.model.spec));
      }
      const onSignature: NetworkMaps["onSignature"][number][] = [];
      for (const form of forms) {
        const what = await seen(form, trained, explained, watch);
        first ??= what;
        if (region !== undefined) {
          const values = what.answers.map((_, place) =>
            shareOn(enlargedMap(what.mapOf(place), what.maps, train), region),
          );
          onSignature.push({ form: form.form, shares: sharesOf(values) });
          for (const [place, { class: label, confidence }] of what.answers.entries()) {
            const image = imageName(own, place);
            const answer = train.classes[label]!;
            const share = values[place]!;
            shares.push({ network: name, form: form.form, image, answer, confidence, share });
          }
        }
        for (const row of rows.filter((one) => one.form === form.form)) {
          const { class: label, confidence } = what.answers[row.place]!;
          row.seen.push({
            answer: train.classes[label]!,
            confidence,
            mapOf: train.classes[what.chosen[row.place]!]!,
            map: [...what.mapOf(row.place)],
          });
        }
      }
      networks.push({
        name,
        run: run?.folder.path ?? null,
        scores: await job.evaluate(watch),
        onSignature,
      });
    }
    const { height, width, weights } = first!.maps;
    const { channels } = train;
    return {
      data: {
        explained,
        weights,
        map: { height, width },
        image: { height: train.height, width: train.width, channels },
        forget: places.length,
        signature:
          changed === undefined
            ? null
            : { pixels: sizeOf(changed), margin, area: sizeOf(region!) / region!.length },
        networks,
        rows: rows.map(({ place, form, seen }) => ({
          image: imageName(own, place),
          form,
          class: train.classes[own.labels[place]!]!,
          trainedAs: train.classes[trained[place]!]!,
          seen,
        })),
      },
      shares,
      pictures: rows.map(({ place, form }) => {
        const { pixels, count } = forms.find((one) => one.form === form)!.images;
        const size = pixels.length / count;
        return pixels.subarray(place * size, (place + 1) * size);
      }),
      stored: storedSize(train),
    };
  });
}

function sizeOf(region: Region): number {
  return region.reduce((sum, one) => sum + one, 0);
}
