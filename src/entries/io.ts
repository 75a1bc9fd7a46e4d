/// <reference lib="dom" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/** `rewind-webgpu/io`: checkpoint files. */
export {
  readSafetensors,
  type Tensor,
  type TensorFile,
  writeSafetensors,
} from "../io/safetensors.ts";
export { readTensors, type ReadOptions, type TensorContents } from "../io/tensor-file.ts";
