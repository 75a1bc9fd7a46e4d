/** InvWNN's weights (Jang, Kim, Youn, AAAI 2025): layers and their shapes. */
import type { StreamOf, TwoStreamSpec, TwoStreamWeights } from "../two-stream.ts";

/** The layers of a stream, in the order of Keras' layer numbers. */
export type StreamLayer =
  "first" | "second" | "compress" | "linear" | "amplitude" | "rate" | "third";

/** Weights of one stream. */
export type StreamWeights = StreamOf<StreamLayer>;

/** All weights of an InvWNN: 62,609 numbers for a window of 15. */
export type InvWnnWeights = TwoStreamWeights<StreamLayer>;

/** Width of the hidden layers, of the gate's bottleneck and of a stream's last layer. */
export const width = 128;
export const bottleneck = 8;
export const tail = 64;

/** Windows the kernels are written for. */
const windowRange: readonly [number, number] = [5, 20];

/** InvWNN's layers. */
export const invWnnSpec: TwoStreamSpec<StreamLayer> = {
  name: "InvWNN",
  layers: ["first", "second", "compress", "linear", "amplitude", "rate", "third"],
  tail,
  windows: windowRange,
  shape(layer, inputs) {
    switch (layer) {
      case "first":
        return [inputs, width];
      case "second":
        return [width, width];
      case "compress":
        return [width, bottleneck];
      case "third":
        return [width, tail];
      default:
        return [bottleneck, width];
    }
  },
};
