/// <reference lib="dom" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `rewind-webgpu/io`: checkpoint files, those of others too.
 *
 * @module rewind-webgpu/io
 */
export {
  readSafetensors,
  type Tensor,
  type TensorFile,
  writeSafetensors,
} from "../io/safetensors.ts";
export { readTensors, type ReadOptions, type TensorContents } from "../io/tensor-file.ts";
export { type ForeignOptions, loadForeign } from "../runs/load-foreign.ts";
