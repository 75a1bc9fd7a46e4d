/** What a grader says of images that the network of a run has drawn. */
import { type Learnt, RealImages } from "../metrics/drawn.ts";
import { leastConfidence } from "../metrics/drawn-unsure.ts";
import type { Grader } from "../metrics/grader.ts";
import { scoreDefinitions } from "../metrics/index.ts";
import { scoresOfDrawn } from "../metrics/measure.ts";
import { scoresText } from "../report/report.ts";
import { RunFolder } from "../report/run-folder.ts";
import type { FrameColour, Samples } from "../report/sample-sheet.ts";
import { textTable } from "../report/table.ts";
import { diffusion } from "../tasks/diffusion.ts";
import type { DrawnRound } from "./drawn-rounds.ts";
import { readRunNetwork } from "./given-network.ts";
import { loadImages } from "./images.ts";
import { recordedSchema } from "./recorded-run.ts";
import { checkedFile } from "./checked-file.ts";

const red: FrameColour = [214, 39, 40];
const yellow: FrameColour = [237, 177, 32];

/** What the colours of frames say. */
export const framesText: string = `red: taken for a class to forget; yellow: taken for any class with a probability below ${leastConfidence}`;

/** By image: red where it is taken for a class to forget, yellow where for no class for sure. */
export function framesOf({
  answers,
  forgotten,
}: Pick<DrawnRound, "answers" | "forgotten">): (FrameColour | undefined)[] {
  return answers.map(({ class: taken, confidence }) =>
    confidence < leastConfidence ? yellow : forgotten.includes(taken) ? red : undefined,
  );
}

/** The images that the network of a run has learnt. @throws DataError where its folder does not say them. */
export async function learntBy(run: string, checkpoint: string): Promise<Learnt> {
  const folder = await RunFolder.open(run);
  const { setup, forget } = checkedFile(
    recordedSchema,
    await folder.config(),
    `${run}/config.json`,
  );
  await folder.requireCheckpoint(checkpoint);
  const given = await readRunNetwork(folder.file(checkpoint), setup);
  const { corrupted } = await loadImages(setup, { given, forget });
  return corrupted;
}

/** Share of real images below which a grader's word on drawn ones is doubted, %. */
const trusted = 90;

/** How well a grader knows the real images. */
function knownText({ known: { images, accuracy } }: RealImages): string {
  const doubt = accuracy < trusted ? ": what it says of drawn ones is worth little" : "";
  return `The grader takes ${accuracy.toFixed(1)} % of ${images} real images for their class${doubt}.`;
}

/** Grades of drawn images: as JSON has them, as a text, and the frames of their sheet. */
export async function gradesOf(
  grader: Grader,
  learnt: Learnt,
  { pixels }: Pick<Samples, "pixels">,
  seed: number,
): Promise<{
  readonly grades: object;
  readonly text: string;
  readonly frames: readonly (FrameColour | undefined)[];
}> {
  const real = await RealImages.of(grader, learnt, seed);
  const drawn = await real.compare(pixels);
  const { answers } = drawn;
  const classes = grader.classes.map((name, at) => {
    const images = answers.filter((one) => one.class === at).length;
    return { name, images, share: (100 * images) / answers.length };
  });
  const scores = scoresOfDrawn(drawn);
  const columns = [{ title: "taken for" }, { title: "images" }, { title: "share %" }];
  const rows = classes.map(({ name, images, share }) => [name, `${images}`, share]);
  return {
    grades: {
      grader: grader.digest,
      real: real.known,
      ...scores,
      classes: Object.fromEntries(classes.map(({ name, share }) => [name, share])),
      definitions: scoreDefinitions(diffusion.name),
    },
    text: `${textTable(columns, rows)}\n\n${scoresText([{ name: "drawn", scores }])}\n\n${knownText(real)}`,
    frames: framesOf(drawn),
  };
}
