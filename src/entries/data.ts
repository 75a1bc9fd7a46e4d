/// <reference lib="dom" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `rewind-webgpu/data`: data sets from files, and data sets of your own by name.
 *
 * @module rewind-webgpu/data
 */
export { type ArrayData, fromArrays } from "../data/arrays.ts";
export { type Dataset, imageName, imageNumber, subset, takeBalanced } from "../data/dataset.ts";
export { datasets, type DatasetSpec, loadDataset } from "../data/index.ts";
export { type LabelledFolderOptions, loadLabelledFolder } from "../data/labelled-folder.ts";
export {
  type DatasetSizes,
  type DatasetSource,
  defineDataset,
  type LoadOptions,
  type LoadWatch,
  resized,
  type Split,
  taken,
} from "../data/source.ts";
