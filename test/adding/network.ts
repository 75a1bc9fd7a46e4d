import { defineNetwork, flatten, networks, noSettings } from "../../src/index.ts";
import { softsign } from "./operation.ts";

/** A layer of 16 units with softsign, then a dense layer. */
export const softsignNet = defineNetwork({
  name: "softsign-net",
  settings: noSettings,
  build(layers, x, classes) {
    const hidden = layers.linear("hidden", flatten(x), 16);
    return layers.linear("head", softsign(hidden), classes);
  },
});

networks.add(softsignNet);
