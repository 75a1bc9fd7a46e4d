import { readFileSync } from "node:fs";
import { applyOperation, elementwiseOperation, type Value } from "../../src/index.ts";
import { registerShader } from "../../src/entries/engine.ts";

const shader = "own/softsign";
registerShader(shader, readFileSync(new URL("softsign.wgsl", import.meta.url), "utf8"));

const operation = elementwiseOperation({ name: "softsign", shader, gradient: "at input" });

/** Softsign, element-wise: x / (1 + |x|). */
export function softsign(x: Value): Value {
  return applyOperation(operation, [x], null);
}
