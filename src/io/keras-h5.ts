/**
 * Keras' files: weights of Keras 2 and 3 (`.h5`), full models (`.h5`), and `.weights.h5` of Keras 3, which
 * `.keras` archives hold.
 */
import { DataError } from "../errors.ts";
import { archiveEntries, unpack } from "./archive.ts";
import { Hdf5 } from "./hdf5.ts";
import type { Tensor } from "./safetensors.ts";

/** A dense layer's kernel [in, out] and bias [out]. */
export interface KerasDense {
  readonly layer: string;
  readonly kernel: Tensor;
  readonly bias: Tensor;
}

/**
 * What the numbers at the end of layers' names count: `construction`, in the order the layers were made;
 * `graph`, in the order of the layers in the model, which Keras sorts by their distance from the output.
 */
export type KerasNumbering = "construction" | "graph";

/** What a file holds. */
export interface KerasFile {
  /** Every weight, as `layer/kernel`. */
  readonly tensors: Map<string, Tensor>;
  /** Dense layers, in the order of their numbers (the file's own order mixes parallel branches). */
  readonly layers: KerasDense[];
  readonly numbering: KerasNumbering;
}

/** Weights of one layer by their own names, such as `kernel`. */
interface Layer {
  readonly name: string;
  readonly weights: Map<string, Tensor>;
}

/** Deepest groups that are looked into. */
const deepest = 32;

/**
 * The weights of a Keras file.
 *
 * @param bytes the whole file; @param name what errors call it.
 * @throws DataError if it is no HDF5 file, is cut short or damaged, or holds no weights of Keras.
 */
export function readKeras(bytes: Uint8Array, name = "weights.h5"): Promise<KerasFile> {
  return Hdf5.reading(bytes, name, (file) => {
    const root = file.kind("/model_weights") === "group" ? "/model_weights" : "";
    const names = listed(file, root === "" ? "/" : root, "layer_names");
    const listedLayers = names.length > 0;
    const layers = listedLayers ? namedLayers(file, name, root, names) : savedLayers(file);
    const weighted = layers.filter(({ weights }) => weights.size > 0);
    if (weighted.length === 0) {
      throw new DataError(
        `"${name}" holds no weights of Keras: it has neither "layer_names" nor layers with "vars". ` +
          "Save them by model.save_weights(...).",
      );
    }
    const numbering = listedLayers ? "construction" : "graph";
    return { ...collect(weighted), numbering };
  });
}

/** The weights of a `.keras` archive. @throws DataError */
export function readKerasArchive(bytes: Uint8Array, name: string): Promise<KerasFile> {
  const inner = archiveEntries(bytes, name).filter((entry) => entry.name === "model.weights.h5");
  const [weights] = unpack(bytes, name, inner).values();
  return readKeras(weights!, `${name}/model.weights.h5`);
}

/** Tensors of all layers, and the dense ones in the order of their numbers. */
function collect(layers: readonly Layer[]): Pick<KerasFile, "tensors" | "layers"> {
  const tensors = new Map<string, Tensor>();
  const dense: KerasDense[] = [];
  for (const { name, weights } of layers) {
    for (const [weight, tensor] of weights) tensors.set(`${name}/${weight}`, tensor);
    const [kernel, bias] = [weights.get("kernel"), weights.get("bias")];
    if (kernel?.shape.length === 2 && bias?.shape.length === 1) {
      dense.push({ layer: name, kernel, bias });
    }
  }
  const order = ({ layer }: KerasDense): number => Number(/\d+$/.exec(layer)?.[0] ?? 0);
  return { tensors, layers: dense.sort((a, b) => order(a) - order(b)) };
}

/** A list of names, which Keras splits where it is long: `weight_names0`, `weight_names1`, and so on. */
function listed(file: Hdf5, path: string, attribute: string): string[] {
  const names = file.texts(path, attribute);
  for (let part = 0; part < 1000; part++) {
    const more = file.texts(path, `${attribute}${part}`);
    if (more.length === 0) break;
    names.push(...more);
  }
  return names;
}

/** Layers that a file lists by their names: Keras 2, and the `.h5` of Keras 3. */
function namedLayers(file: Hdf5, source: string, root: string, names: readonly string[]): Layer[] {
  return names.flatMap((layer) => {
    const group = `${root}/${layer}`;
    if (file.kind(group) !== "group") {
      throw new DataError(`"${source}": layer "${layer}" is missing.`);
    }
    // Models within a model have the weights of several layers; those without weights an empty list.
    const parts = new Map<string, Map<string, Tensor>>();
    for (const weight of listed(file, group, "weight_names")) {
      const path = `${group}/${weight}`;
      const tensor = file.kind(path) === "data" ? file.numbers(path) : undefined;
      if (tensor === undefined) {
        throw new DataError(`"${source}": layer "${layer}" has no numbers "${weight}".`);
      }
      const [, part = "", own = weight] = /^(?:(.*)\/)?([^/]+)$/.exec(weight) ?? [];
      const weights = parts.get(part) ?? new Map<string, Tensor>();
      parts.set(part, weights.set(own.replace(/:\d+$/, ""), tensor));
    }
    const single = parts.size === 1;
    return [...parts].map(([part, weights]) => ({
      name: single ? layer : `${layer}/${part}`,
      weights,
    }));
  });
}

/** Layers of Keras 3's `.weights.h5`: a group each, whose `vars` are numbered. */
function savedLayers(file: Hdf5): Layer[] {
  const layers: Layer[] = [];
  const visit = (path: string, depth: number): void => {
    for (const name of file.names(path === "" ? "/" : path)) {
      const inner = `${path}/${name}`;
      // What the optimiser keeps is no weight of the network.
      if (depth > deepest || (depth === 0 && name.startsWith("optimizer"))) continue;
      if (file.kind(inner) !== "group") continue;
      if (name === "vars") {
        const own = path.split("/").filter((part) => part !== "" && !containers.has(part));
        const weights = variables(file, inner);
        layers.push({ name: own.join("/"), weights });
      } else visit(inner, depth + 1);
    }
  };
  visit("", 0);
  return layers;
}

/** Groups that only hold layers. */
const containers = new Set(["layers", "_layer_checkpoint_dependencies"]);

/** Numbered variables; those of a dense layer get their names. */
function variables(file: Hdf5, group: string): Map<string, Tensor> {
  const numbered = file
    .names(group)
    .filter((name) => /^\d+$/.test(name) && file.kind(`${group}/${name}`) === "data")
    .sort((a, b) => Number(a) - Number(b))
    .flatMap((name) => file.numbers(`${group}/${name}`) ?? []);
  const [first, second] = numbered;
  const dense =
    numbered.length === 2 && first!.shape.length === 2 && second!.shape[0] === first!.shape[1];
  return new Map(numbered.map((tensor, i) => [dense ? ["kernel", "bias"][i]! : String(i), tensor]));
}
