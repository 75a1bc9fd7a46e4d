/** All operations: functions of a graph and its values. */
export { abs, exp, scale, tanh } from "./activations.ts";
export { add } from "./add.ts";
export { batchNorm } from "./batch-norm.ts";
export { concat } from "./concat.ts";
export { conv2d, type Conv2dAttrs } from "./conv2d.ts";
export { softmaxCrossEntropy } from "./cross-entropy.ts";
export { distillation } from "./distillation.ts";
export { flatten, reshape } from "./flatten.ts";
export { l1Loss, l1Norm } from "./l1-loss.ts";
export { linear } from "./linear.ts";
export { mul } from "./mul.ts";
export { avgPool, globalAveragePool, maxPool, type PoolOptions } from "./pool.ts";
export { leakyRelu, relu } from "./relu.ts";
export { sum, weightedSum } from "./sum.ts";
