/** One of everything that can be added, as docs/adding.md shows it. */
export { rampsSource } from "./dataset.ts";
export { stepSum } from "./fittable.ts";
export { once } from "./forecaster.ts";
export { boundedAscent } from "./method.ts";
export { doubt, testError } from "./metric.ts";
export { softsignNet } from "./network.ts";
export { softsign } from "./operation.ts";
export { signDescent } from "./optimizer.ts";
export { meanLoader } from "./predictor.ts";
export { oneClass } from "./scenario.ts";
