/// <reference lib="dom" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `rewind-webgpu/engine`: graphs, operations, kernels and recorded programs, for those who add some of their own.
 * Not stable: it changes as the engine does, without a major version.
 *
 * @module rewind-webgpu/engine
 */
export { registerShader } from "../gpu/link.ts";
export { chromeTrace, type KernelTime, Profiler, summarise } from "../gpu/profile.ts";
export { Graph, type Operation } from "../graph/graph.ts";
export { compile, Program } from "../graph/program.ts";
export { type Launch, Value } from "../graph/value.ts";
export { elementwiseOperation } from "../ops/elementwise.ts";
export { Arena, ArenaLayout, type ParameterKind, type ParameterSpec } from "../weights/arena.ts";
export { Combination, type Factors } from "../weights/combine.ts";
export { RandomDirection } from "../weights/direction.ts";
export { predictionLaunch } from "../predictors/launch.ts";
