export { conv2d, type Conv2dAttrs } from "./conv2d.ts";
export { flatten } from "./flatten.ts";
export { linear } from "./linear.ts";
export { maxPool } from "./pool.ts";
export { relu, leakyRelu } from "./relu.ts";
export { softmaxCrossEntropy } from "./cross-entropy.ts";
export { batchNorm } from "./batch-norm.ts";
