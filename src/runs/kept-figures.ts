/** Figures that `rewind figure` wrote into a folder, as parts of its page. */
import { z } from "zod";
import { DataError } from "../errors.ts";
import { base64 } from "../figures/image-grid.ts";
import { exists, join, listDir, readBytes, readJson } from "../platform/files.ts";
import { type Html, named } from "../report/html.ts";
import { picture, table } from "../report/page.ts";
import { roundNumber } from "../report/report.ts";
import { fixed } from "../report/written-numbers.ts";
import type { MapsOfRuns } from "./class-maps.ts";
import { mapsTable } from "./class-maps-figure.ts";
import type { LandscapeOfRuns } from "./landscape.ts";
import { explainedText } from "./landscape-figure.ts";
import type { RoundMoves } from "../analysis/moves.ts";
import { landedText, movesTotals } from "./moves-figure.ts";
import { checkedFile } from "./checked-file.ts";

/** Where a page looks for figures: in the folder, and in this folder of it. */
export const figuresFolder = "figures";

const place = z.looseObject({ a: z.number(), b: z.number(), off: z.number() });

const mapsSchema = z.looseObject({
  forget: z.number(),
  signature: z.looseObject({ area: z.number(), margin: z.number() }).nullable(),
  networks: z
    .array(
      z.looseObject({
        name: z.string(),
        onSignature: z.array(
          z.looseObject({
            form: z.string(),
            shares: z.looseObject({
              mean: z.number().nullable(),
              deviation: z.number().nullable(),
              n: z.number(),
            }),
          }),
        ),
      }),
    )
    .min(1),
});

const landscapeSchema = z.looseObject({
  images: z.looseObject({ test: z.number(), forget: z.number() }),
  directions: z.string(),
  sets: z.number(),
  explained: z.tuple([z.number(), z.number()]),
  paths: z.array(z.looseObject({ name: z.string(), points: z.array(place).min(1) })),
});

const movesSchema = z.looseObject({
  name: z.string(),
  rounds: z.array(
    z.looseObject({
      round: z.number(),
      layers: z.array(
        z.looseObject({ drift: z.number(), move: z.number(), cosine: z.number().nullable() }),
      ),
    }),
  ),
});

/** What is said of a figure besides its drawing. */
interface Told {
  readonly title: string;
  readonly caption: string;
  readonly numbers?: Html | undefined;
}

function toldOfMaps(maps: MapsOfRuns): Told {
  const { signature, forget, networks } = maps;
  const rows = mapsTable(maps);
  const numbers =
    rows &&
    table(
      `Share of the positive values of the maps of all ${forget} images of D_f that lies on the signature`,
      rows.columns.map((title) => ({ title })),
      rows.rows.map(([name, ...shares]) => [named(name!), ...shares]),
    );
  const area =
    signature === null
      ? ""
      : ` A map that is the same everywhere has ${fixed(100 * signature.area, 0)} % on the signature.`;
  return {
    title: "What the network looks at",
    caption: `Class activation maps of images of D_f: ${networks.map(({ name }) => name).join(", ")}.${area}`,
    numbers,
  };
}

function toldOfLandscape(landscape: LandscapeOfRuns): Told {
  const { images, paths } = landscape;
  return {
    title: "Landscape of unlearning",
    caption:
      `Accuracies on ${images.test} test images and ${images.forget} images of D_f, and the paths of the runs. ` +
      `${explainedText(landscape)}.`,
    numbers: table(
      "Where the paths end: Euclidean distances, in weights",
      ["run", "points", "first component", "second", "out of the plane"].map((title) => ({
        title,
      })),
      paths.map(({ name, points }) => {
        const { a, b, off } = points.at(-1)!;
        return [named(name), String(points.length), ...[a, b, off].map((one) => fixed(one, 3))];
      }),
    ),
  };
}

function toldOfMoves({ name, rounds }: { name: string; rounds: readonly RoundMoves[] }): Told {
  return {
    title: `How the rounds of ${name} moved the weights`,
    caption:
      "The length of each round's move beside the drift of the fine-tuning that it recorded, and the cosine of both " +
      `(−1: straight back). ${landedText(rounds)}`.trimEnd(),
    numbers: table(
      "All layers together",
      ["round", "drift", "move", "cosine"].map((title) => ({ title })),
      movesTotals(rounds).map(({ round, drift, move, cosine }) => [
        roundNumber(round),
        fixed(drift, 4),
        fixed(move, 4),
        cosine === null ? "–" : fixed(cosine, 3),
      ]),
    ),
  };
}

/** Kinds of figures by the beginnings of their files' names. */
const kinds: readonly {
  readonly files: RegExp;
  /** Whether they show images of D_f. */
  readonly images: boolean;
  told(data: unknown, file: string): Told;
}[] = [
  {
    files: /^cam\.json$/,
    images: true,
    told: (data, file) => toldOfMaps(checkedFile(mapsSchema, data, file) as unknown as MapsOfRuns),
  },
  {
    files: /^landscape(-perturbed)?\.json$/,
    images: false,
    told: (data, file) =>
      toldOfLandscape(checkedFile(landscapeSchema, data, file) as unknown as LandscapeOfRuns),
  },
  {
    files: /^moves(-\d+)?\.json$/,
    images: false,
    told: (data, file) =>
      toldOfMoves(
        checkedFile(movesSchema, data, file) as unknown as Parameters<typeof toldOfMoves>[0],
      ),
  },
];

/** A drawing as an address that holds it: as an image it runs nothing and asks for nothing. */
async function drawing(file: string): Promise<string> {
  const bytes = await readBytes(file);
  const start = new TextDecoder().decode(bytes.subarray(0, 200));
  if (!start.startsWith("<svg"))
    throw new DataError(`"${file}" is no drawing of \`rewind figure\`.`);
  return `data:image/svg+xml;base64,${base64(bytes)}`;
}

/**
 * The figures that lie in a folder or in its folder `figures`: class activation maps, landscapes, moves.
 *
 * @param images whether those that show images of D_f are among them.
 * @throws DataError where a figure's file is damaged.
 */
export async function keptFigures(path: string, images: boolean): Promise<Html[]> {
  const figures: Html[] = [];
  for (const dir of [path, join(path, figuresFolder)]) {
    if (!(await exists(dir))) continue;
    const names = (await listDir(dir)).sort();
    for (const { files, images: shows, told } of kinds) {
      if (shows && !images) continue;
      for (const name of names.filter((one) => files.test(one))) {
        const svg = name.replace(/json$/, "svg");
        if (!names.includes(svg)) continue;
        const file = join(dir, name);
        const { title, caption, numbers } = told(await readJson(file), file);
        figures.push(
          picture({ title, caption, source: await drawing(join(dir, svg)), table: numbers }),
        );
      }
    }
  }
  return figures;
}
