/** All operations: functions of values, which apply in the graph of these. */
export {
  abs,
  exp,
  gelu,
  type GeluAttrs,
  leakyRelu,
  relu,
  scale,
  silu,
  tanh,
} from "./activations.ts";
export { add } from "./add.ts";
export { type ElementwiseFunction, elementwiseOperation } from "./elementwise.ts";
export { attention, type AttentionAttrs } from "./attention.ts";
export { batchNorm } from "./batch-norm.ts";
export { broadcastTo } from "./broadcast-to.ts";
export { concat } from "./concat.ts";
export { conv2d, type Conv2dAttrs } from "./conv2d.ts";
export { type CrossEntropyAttrs, softmaxCrossEntropy } from "./cross-entropy.ts";
export { depthwiseConv2d } from "./depthwise-conv2d.ts";
export { distillation } from "./distillation.ts";
export { dropout, type DropoutAttrs } from "./dropout.ts";
export { flatten, reshape } from "./flatten.ts";
export { groupNorm, type GroupNormAttrs } from "./group-norm.ts";
export { l1Loss, l1Norm } from "./l1-loss.ts";
export { layerNorm, type LayerNormAttrs } from "./layer-norm.ts";
export { linear } from "./linear.ts";
export { matmul, type MatmulAttrs } from "./matmul.ts";
export { meanSquaredError } from "./mean-squared-error.ts";
export { mul } from "./mul.ts";
export { pad, type PadSides } from "./pad.ts";
export { permute } from "./permute.ts";
export { avgPool, globalAveragePool, maxPool, type PoolOptions } from "./pool.ts";
export { sinusoidalEmbedding, type SinusoidalEmbeddingAttrs } from "./sinusoidal-embedding.ts";
export { sum, weightedSum } from "./sum.ts";
export { type EdgeEnds, gather, segmentSum, sortEdges } from "./edges.ts";
export { upsample } from "./upsample.ts";
