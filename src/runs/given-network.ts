/** A network that was trained elsewhere: its weights from a file, and what the file says of how it is used. */
import { type ModelConfig, modelSpec, namedNetworks, networks } from "../../models/index.ts";
import { networkOfTimm, publishedNetwork, publishedNetworkNames } from "../../models/published.ts";
import { DataError, ShapeError, UsageError } from "../errors.ts";
import { type CheckpointInfo, parseCheckpoint } from "../io/checkpoint.ts";
import { type HubConfig, parseHubConfig } from "../io/hub.ts";
import {
  importPretrained,
  publishedClasses,
  publishedNames,
  withoutModule,
} from "../io/pretrained.ts";
import { readTensors } from "../io/tensor-file.ts";
import { differsBySize } from "../nn/image-size.ts";
import { type ModelSpec, type Tensors, tensorsOf } from "../nn/model.ts";
import {
  type ImageShape,
  type Preprocessing,
  type PreprocessingConfig,
  preprocessingNames,
  preprocessingOf,
} from "../nn/preprocessing.ts";
import { listed } from "../registry.ts";
import { exists, fileInfo, join, readBytes, readJson } from "../platform/files.ts";
import { sameShape } from "../shape.ts";
import type { ParameterSpec } from "../weights/arena.ts";
import type { SetupConfig } from "./config.ts";

/** A network from a file. */
export interface GivenNetwork {
  /** The file of its weights. */
  readonly path: string;
  readonly network: ModelConfig;
  /** Number of its outputs. */
  readonly outputs: number;
  /** Class of each output, where that is known. */
  readonly classes?: readonly string[] | undefined;
  /** What it sees, where that is known. */
  readonly input?: ImageShape | undefined;
  /** Whether it is known how its images are prepared. */
  readonly prepared: boolean;
  /** How they are, where that is known. */
  preprocessing(channels: number): Preprocessing | undefined;
  /**
   * Its weights, under the names of a spec.
   *
   * @param sizeCalled what the size of the images is called where it is given, in errors. Default: `size`.
   * @throws DataError listing what does not fit.
   */
  weights(spec: ModelSpec, sizeCalled?: string): Tensors;
  /** What was made of the file, a sentence each. */
  readonly notes: readonly string[];
}

/** What whoever gives the file says of it; it counts more than what the file says. */
export type Said = Partial<
  Pick<SetupConfig, "model" | "classes" | "preprocessing" | "key" | "allowNonfinite">
> & {
  /** Of the settings of `model` those that were said, and are not only usual; absent: all. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** It is a run that says it, in its config.json, and nobody who could say something else. */
  readonly recorded?: boolean | undefined;
};

/**
 * Reads a network.
 *
 * @param path a checkpoint of this project, one of PyTorch, or a folder: a run's, or one with `config.json` and
 *   `model.safetensors` as on the Hub.
 * @throws DataError for a file that is damaged, of another kind or not finite, UsageError where nothing says which network it is.
 */
export async function readNetwork(path: string, said: Said = {}): Promise<GivenNetwork> {
  const place = await placeOf(path);
  const { hub } = place;
  const expected = said.model ?? (hub && modelOf(hub, path));
  // Where it is known which network is meant, its tensors are found among others.
  const names = expected && publishedNames(publishedNetwork(expected.name), slotsOf(expected, 2));
  const file = await readTensors(await readBytes(place.weights), place.weights, {
    names,
    key: said.key,
    allowNonfinite: said.allowNonfinite,
  });
  const checkpoint = parseCheckpoint(file, place.weights);
  if (checkpoint.info !== undefined) return own(place.weights, checkpoint.info, checkpoint, said);
  if (file.kind === "keras") {
    throw new DataError(
      `"${place.weights}" is a Keras file: networks are read from PyTorch and safetensors files.`,
    );
  }
  const network = expected ?? named(file.metadata["model"]);
  if (network === undefined) {
    throw new UsageError(
      `"${place.weights}" does not say which network it is: give its \`model\`, one of ` +
        `${namedNetworks().join(", ")}.`,
    );
  }
  const published = publishedNetwork(network.name);
  // A checkpoint of an earlier version of this project: our names, and the spec's.
  const ours = file.metadata["model"] !== undefined && file.metadata["names"] === undefined;
  const foreign = ours ? { tensors: file.tensors, notes: [] } : withoutModule(file.tensors);
  const outputs = ours
    ? outputsOf(file.tensors, classifierOf(network), place.weights)
    : publishedClasses(published, classifierOf(network), foreign.tensors);
  const classes = said.classes ?? hub?.classes;
  requireOutputs(classes, outputs, place.weights);
  const channels = hub?.input?.[2] ?? 3;
  const prepared: PreprocessingConfig | undefined = said.preprocessing ?? hub?.preprocessing;
  return {
    path: place.weights,
    network,
    outputs,
    classes,
    input: hub?.input,
    prepared: prepared !== undefined,
    preprocessing: (channels) => prepared && preprocessingOf(prepared, channels),
    weights(spec, sizeCalled) {
      if (ours) return file.tensors;
      const slots = tensorsOf(spec);
      try {
        const how = { head: "keep", sizeCalled } as const;
        return importPretrained(published, slots, foreign.tensors, how).tensors;
      } catch (cause) {
        const other = cause instanceof DataError ? fitting(foreign.tensors, outputs) : undefined;
        if (other === undefined) throw cause;
        const { message } = cause as DataError;
        throw new DataError(
          `${message} Its tensors are those of "${other}": give that \`model\`.`,
          {
            cause,
          },
        );
      }
    },
    notes: [
      ...file.notes,
      ...foreign.notes,
      ...otherwise(place.weights, said, {
        classes: hub?.classes,
        preprocessing: hub?.preprocessing && preprocessingOf(hub.preprocessing, channels),
        channels,
      }),
    ],
  };
}

/**
 * Reads a checkpoint of a run.
 *
 * @param setup what the run's config.json says of the network.
 * @throws DataError as {@link readNetwork} does, and where the checkpoint is of another network than that of the run.
 */
export function readRunNetwork(
  path: string,
  { model, allowNonfinite }: Pick<SetupConfig, "model" | "allowNonfinite">,
): Promise<GivenNetwork> {
  return readNetwork(path, { model, allowNonfinite, recorded: true });
}

/** The file of a network's weights, by its own path or that of its folder. @throws DataError for a folder without one. */
export async function fileOfNetwork(path: string): Promise<string> {
  return (await fileInfo(path))?.directory === true ? (await placeOf(path)).weights : path;
}

/** The file of the weights, and what lies beside it. */
async function placeOf(path: string): Promise<{ weights: string; hub?: HubConfig }> {
  const info = await fileInfo(path);
  if (info === undefined) throw new DataError(`"${path}": there is no such file or folder.`);
  if (!info.directory) return { weights: path };
  const checkpoint = join(path, "checkpoint.safetensors");
  if (await exists(checkpoint)) return { weights: checkpoint };
  const [config, weights] = [join(path, "config.json"), join(path, "model.safetensors")];
  if (!(await exists(weights))) {
    throw new DataError(
      `"${path}" is a folder without a network: it needs checkpoint.safetensors, or config.json and model.safetensors.`,
    );
  }
  if (!(await exists(config))) return { weights };
  return { weights, hub: parseHubConfig(await readJson(config), config) };
}

/** A whole checkpoint of this project. */
function own(
  path: string,
  info: CheckpointInfo,
  { tensors }: { readonly tensors: Tensors },
  said: Said,
): GivenNetwork {
  if (said.model !== undefined && said.model.name !== info.network.name) {
    if (said.recorded === true) throw otherRun(path, info.network.name, said.model.name);
    throw new UsageError(
      `"${path}" holds the network "${info.network.name}", not "${said.model.name}".`,
    );
  }
  networks.find(info.network.name);
  const { name: _, ...whole } = said.model ?? info.network;
  requireSettings(path, info, said.settings ?? whole, said.recorded);
  requireOutputs(said.classes, info.classes.length, path);
  return {
    path,
    network: info.network,
    outputs: info.classes.length,
    classes: said.classes ?? info.classes,
    input: info.input,
    prepared: true,
    preprocessing: (channels) =>
      said.preprocessing === undefined
        ? info.preprocessing
        : preprocessingOf(said.preprocessing, channels),
    weights(spec, sizeCalled = "size") {
      requireSize(path, info, { tensors, spec, sizeCalled });
      return tensors;
    },
    notes: otherwise(path, said, { ...info, channels: info.input[2] }),
  };
}

/** @throws DataError where a network's weights fit images of its own size, and not those that a spec takes. */
function requireSize(
  path: string,
  { input }: CheckpointInfo,
  of: { readonly tensors: Tensors; readonly spec: ModelSpec; readonly sizeCalled: string },
): void {
  const other = tensorsOf(of.spec).some((slot) => {
    const found = of.tensors.get(slot.name);
    return found !== undefined && differsBySize(slot, found.shape);
  });
  const seen = of.spec.inputs[0]!;
  if (!other || sameShape(seen, input)) return;
  throw new DataError(
    `"${path}" holds a network for images of ${input.join("×")}, and these are ${seen.join("×")}: leave ` +
      `\`${of.sizeCalled}\` out, or give the network's.`,
  );
}

/** What is wrong where a run's checkpoint is of another network than its config.json says. */
function otherRun(path: string, holds: string, said: string): DataError {
  return new DataError(
    `"${path}" holds the network ${holds}, and config.json of its run says ${said}: one of the two files is of another ` +
      "run. Put the run's own back.",
  );
}

/** @throws UsageError where a network has other settings than are said; DataError where a run says it. */
function requireSettings(
  path: string,
  { network, input, classes }: CheckpointInfo,
  settings: Readonly<Record<string, unknown>>,
  recorded = false,
): void {
  const named = (config: ModelConfig): string => modelSpec(config, input, classes.length).name;
  const wrong = Object.entries(settings).filter(([key, value]) => {
    if (same(network[key], value)) return false;
    // What a file does not say is as the network has it by default.
    return network[key] !== undefined || named({ ...network, [key]: value }) !== named(network);
  });
  if (wrong.length === 0) return;
  if (recorded) throw otherRun(path, named(network), named({ ...network, ...settings }));
  throw new UsageError(
    `"${path}" holds the network ${named(network)}; what is said of it is another one ` +
      `(\`model\`: ${listed(wrong.map(([key]) => key))}). Leave that out, or say what the file has.`,
  );
}

/** Notes of what a file says otherwise than whoever gives it. */
function otherwise(
  path: string,
  said: Said,
  file: {
    readonly classes?: readonly string[] | undefined;
    readonly preprocessing?: Preprocessing | undefined;
    readonly channels: number;
  },
): string[] {
  const notes: string[] = [];
  const { classes, preprocessing } = file;
  if (said.classes !== undefined && classes !== undefined && !same(said.classes, classes)) {
    const reordered = same([...said.classes].sort(), [...classes].sort());
    notes.push(
      `\`classes\` counts: "${path}" has ${reordered ? "them in another order" : "other ones"} ` +
        `(${classes.slice(0, 5).join(", ")}${classes.length > 5 ? ", …" : ""})`,
    );
  }
  if (said.preprocessing !== undefined && preprocessing !== undefined) {
    const other = preprocessingOf(said.preprocessing, file.channels);
    if (!same(numbersOf(other), numbersOf(preprocessing))) {
      notes.push(
        `\`preprocessing\` counts: "${path}" prepares its images otherwise, and its answers are others then`,
      );
    }
  }
  return notes;
}

/** What decides how images are prepared, in single precision as files keep it. */
function numbersOf({ mean, deviation, crop = 1 }: Preprocessing): unknown {
  return [[...mean], deviation?.map(Math.fround), Math.fround(crop)];
}

/** Whether two values of plain data are the same, whatever the order of their fields. */
function same(a: unknown, b: unknown): boolean {
  const ordered = (_: string, value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value;
  return JSON.stringify(a, ordered) === JSON.stringify(b, ordered);
}

/** @throws UsageError where nothing says how a network's images are prepared. */
export function requirePrepared(given: GivenNetwork): GivenNetwork {
  if (given.prepared) return given;
  throw new UsageError(
    `"${given.path}" does not say how its images are prepared: give \`preprocessing\`, ` +
      `${listed(preprocessingNames, "or")}, or a file with its mean and deviation. With another than it was trained ` +
      "with its answers are wrong.",
  );
}

function modelOf({ architecture }: HubConfig, path: string): ModelConfig {
  const name = networkOfTimm(architecture);
  if (name !== undefined) return { name };
  const known = networks.all.flatMap(({ timm }) => timm ?? []);
  throw new UsageError(
    `"${path}" holds the architecture "${architecture}", which is not among the networks here ` +
      `(${known.join(", ")}): give a \`model\` that has the same layers.`,
  );
}

/** The network that the name of a spec begins with; its settings are not in it. */
function named(spec: string | undefined): ModelConfig | undefined {
  const name = spec?.split("(")[0];
  return name !== undefined && networks.has(name) ? { name } : undefined;
}

/** What a network keeps, for images of some size. */
function slotsOf(network: ModelConfig, classes: number): ParameterSpec[] {
  return tensorsOf(modelSpec(network, [64, 64, 3], classes));
}

/** The network that a published checkpoint is of, by its tensors; undefined where it is of none. */
function fitting(file: Tensors, outputs: number): string | undefined {
  return publishedNetworkNames().find((name) => {
    try {
      const slots = slotsOf({ name }, outputs);
      return (
        importPretrained(publishedNetwork(name), slots, file, { head: "keep" }).tensors.size > 0
      );
    } catch (error) {
      if (error instanceof DataError || error instanceof ShapeError) return false;
      throw error;
    }
  });
}

/** The weights whose shape changes with the number of classes. */
function classifierOf(network: ModelConfig): string {
  const [few, more] = [2, 3].map((classes) => {
    return new Map(slotsOf(network, classes).map(({ name, shape }) => [name, shape.join()]));
  }) as [Map<string, string>, Map<string, string>];
  const found = [...few].find(([name, shape]) => shape.includes(",") && more.get(name) !== shape);
  return found?.[0] ?? "head.weight";
}

function outputsOf(tensors: Tensors, classifier: string, path: string): number {
  const outputs = tensors.get(classifier)?.shape.at(-1);
  if (outputs === undefined) throw new DataError(`"${path}" has no classifier ("${classifier}").`);
  return outputs;
}

function requireOutputs(
  classes: readonly string[] | undefined,
  outputs: number,
  path: string,
): void {
  if (classes !== undefined && classes.length !== outputs) {
    throw new DataError(
      `"${path}" has ${outputs} outputs, and ${classes.length} \`classes\` are named.`,
    );
  }
}
