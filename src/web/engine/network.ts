/** Networks and predictors from files that were opened in the page. */
import { DataError } from "../../errors.ts";
import { type Classifier, loadPredictor, predictors, weightFileOf } from "../../index.ts";
import { parseCheckpoint } from "../../io/checkpoint.ts";
import { readTensors } from "../../io/tensor-file.ts";
import type { PreprocessingConfig } from "../../nn/preprocessing.ts";
import { readNetwork, requirePrepared } from "../../runs/given-network.ts";
import { classifierIn } from "../../runs/load-foreign.ts";
import { type GivenFile, heldIn, hold } from "../files.ts";
import type { FileKind, NetworkSaid, OpenPredictor } from "../messages.ts";
import type { Opened } from "./opened.ts";
import { told } from "./paths.ts";

/** Where they are held. */
const [networkRoot, predictorRoot] = ["/network", "/predictor"];
/** Where a predictor is held until it is read; it is called after the last part. */
const tried = `/tried${predictorRoot}`;

/** Holds files in place of those held there before; the path of the one, or of the folder of several. */
function held(root: string, files: readonly GivenFile[]): string {
  hold(root, files);
  if (files.length === 1) return `${root}/${files[0]!.path}`;
  const tops = new Set(files.map(({ path }) => path.split("/").slice(0, -1).join("/")));
  const [top = ""] = tops;
  return tops.size === 1 && top !== "" ? `${root}/${top}` : root;
}

/** The path of the network that was given last. */
let given: string | undefined;

/**
 * A classifier from files, or anew from those that were given last.
 *
 * @throws DataError for a file that is damaged, or holds no network that fits; UsageError for what neither it nor `said` says.
 */
export function readClassifier(
  { gpu, images }: Opened,
  said: NetworkSaid,
  files?: readonly GivenFile[],
): Promise<Classifier> {
  return told(networkRoot, async () => {
    if (files !== undefined) given = held(networkRoot, files);
    if (given === undefined) throw new DataError("open the file of a network first.");
    const { model, prepared } = said;
    const network = requirePrepared(
      await readNetwork(given, {
        ...(model === undefined ? {} : { model: { name: model } }),
        ...(prepared === undefined ? {} : { preprocessing: prepared as PreprocessingConfig }),
      }),
    );
    const { train } = images;
    const input = network.input ?? ([train.height, train.width, train.channels] as const);
    const numbers = Array.from({ length: network.outputs }, (_, i) => String(i));
    const known = train.classes.length === network.outputs ? train.classes : numbers;
    return classifierIn(network, { gpu, input, classes: network.classes ?? known });
  });
}

/** The files of the predictor that was given last. */
export function heldPredictor(): readonly GivenFile[] {
  return heldIn(predictorRoot);
}

/** Puts files in their place again. */
export function holdPredictor(files: readonly GivenFile[] = []): void {
  hold(predictorRoot, files);
}

/** Takes a predictor from files. @throws where they hold none, or one that looks ahead; the one before stays. */
export function openPredictor(files: readonly GivenFile[]): Promise<OpenPredictor> {
  return told(tried, async () => {
    try {
      const { name } = await loadPredictor(held(tried, files));
      return { path: held(predictorRoot, files), name };
    } finally {
      hold(tried, []);
    }
  });
}

/** What files hold, by their content: images where they hold no tensors. */
export async function kindOf(files: readonly GivenFile[]): Promise<FileKind> {
  const tensors = files.find(({ path }) => /\.(safetensors|pt|pth|h5|hdf5|keras)$/i.test(path));
  if (tensors === undefined) return "images";
  const bytes = new Uint8Array(await tensors.file.arrayBuffer());
  const contents = await readTensors(bytes, tensors.path, { allowNonfinite: true });
  if (contents.kind === "keras") return "predictor";
  if (contents.kind === "safetensors") {
    if (parseCheckpoint(contents, tensors.path).info !== undefined) return "network";
    return contents.metadata["format"]?.startsWith("rewind ") === true ? "predictor" : "network";
  }
  const file = weightFileOf(contents, tensors.path);
  return predictors.all.some(({ recognises }) => recognises?.(file)) ? "predictor" : "network";
}
