/** Writes Keras' files by h5wasm. */
import { gunzipSync } from "fflate";
import { File, type Group, ready } from "h5wasm";
import type { KerasDense } from "../../src/io/keras-h5.ts";

/**
 * A file of half precision, which h5wasm does not write: layer dense_1 with kernel [[1.5, -2]] and bias
 * [2^-24, infinity], by h5py, gzip and base64.
 */
const half =
  "H4sIAAAAAAACA+1XwU4CMRBtu6xsmkWWmCjxxJGbeDMcDCZg9qRGPXgDDBshIjFgIiYeOOKf8Bkc+RT/Ard0BugC" +
  "hkiMJsy7DNPpts3Mm5fhwy+eJ+ShZAqOw2LMY/MYA54PTB/jFbAcbB/sQOC6NYmlYd2D8zOW+f3tdamkdo8jwHsK" +
  "O9o6jLCN8EtnV8reTXmkMRLmvlrQ6gTl4ykf/Q3vTcFNUV67rAD8dkNOplmz+ha0y63qU9CZrO+FD4irOOdGf/CF" +
  "dy7vj35c+901+2MoqT+oPxb749P+3f64ubgs8vA05F3PMnk+AH9kU43W0ZlovlyoKGeJic68Bo2H+stMaJTOeHM6" +
  "g3IozHofPQbtVtDM59C/b1Q7+Zw6lxv6g+/IQkF9uZ7+pBOkP6Q/M/3JgK1Lcx/yEP0ZDzVONtQf/IHnRXlMWA7O" +
  "bJ0zjn5WW2HOLyIyx6BvhQqi1lKZJKx5TNpMJiFuh4VRcSH0gQ4ojsUru3pHLPKi7p/mQ/NKTHWxsv/9fuSf4xKX" +
  "DJyyYVjwd0oEgUAgEAjbPFfqiWrV/9Wfz5G1FXNk/1/l4wsD6w+UcBcAAA==";

/** The weights of {@link half}. */
export function halfWeights(): Uint8Array {
  return gunzipSync(Uint8Array.from(atob(half), (character) => character.charCodeAt(0)));
}

let files = 0;

/** A file that `write` fills. */
export async function hdf5File(write: (file: Group) => void): Promise<Uint8Array<ArrayBuffer>> {
  const { FS } = await ready;
  const path = `fixture-${files++}.h5`;
  const file = new File(path, "w");
  write(file);
  file.flush();
  file.close();
  const bytes = Uint8Array.from(FS.readFile(path));
  FS.unlink(path);
  return bytes;
}

/** An attribute of texts of fixed length, as Keras writes names. */
export function texts(group: Group, name: string, values: readonly string[]): void {
  const longest = Math.max(...values.map((value) => value.length));
  group.create_attribute(name, [...values], [values.length], `S${longest}`);
}

function floats(group: Group, name: string, { data, shape }: KerasDense["kernel"]): void {
  group.create_dataset({ name, data, shape: [...shape] });
}

/** The `.h5` of Keras 2, and of Keras 3 with names without `:0`; `root` is `model_weights` of full models. */
export function namedWeights(
  layers: readonly KerasDense[],
  options: { root?: string; suffix?: string } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { root, suffix = ":0" } = options;
  return hdf5File((file) => {
    const top = root === undefined ? file : (file.create_group(root) as Group);
    texts(top, "layer_names", ["input_1", ...layers.map(({ layer }) => layer)]);
    const input = top.create_group("input_1") as Group;
    input.create_attribute("weight_names", new Float64Array(0), [0], "<d");
    for (const { layer, kernel, bias } of layers) {
      const group = top.create_group(layer) as Group;
      const names = ["kernel", "bias"].map((name) => `${layer}/${name}${suffix}`);
      texts(group, "weight_names", names);
      const inner = group.create_group(layer) as Group;
      floats(inner, `kernel${suffix}`, kernel);
      floats(inner, `bias${suffix}`, bias);
    }
  });
}

/** The `.weights.h5` of Keras 3: layers by their order in the model. */
export function savedWeights(layers: readonly KerasDense[]): Promise<Uint8Array<ArrayBuffer>> {
  return hdf5File((file) => {
    const all = file.create_group("layers") as Group;
    for (const { layer, kernel, bias } of layers) {
      const vars = (all.create_group(layer) as Group).create_group("vars") as Group;
      floats(vars, "0", kernel);
      floats(vars, "1", bias);
    }
    const optimizer = (file.create_group("optimizer") as Group).create_group("vars") as Group;
    floats(optimizer, "0", { shape: [1], data: Float32Array.of(5) });
  });
}

/** Dense layers that differ in every number. */
export function denseLayers(names: readonly string[]): KerasDense[] {
  return names.map((layer, i) => ({
    layer,
    kernel: { shape: [2, 3], data: Float32Array.from({ length: 6 }, (_, j) => 10 * i + j) },
    bias: { shape: [3], data: Float32Array.from({ length: 3 }, (_, j) => -10 * i - j) },
  }));
}
