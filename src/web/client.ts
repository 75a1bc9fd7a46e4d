/** The engine in its worker, as panels call it. */
import { type Remote, wrap } from "comlink";
import type { Engine } from "./messages.ts";

const worker = new Worker(new URL("./engine.ts", import.meta.url), { type: "module" });

export const engine: Remote<Engine> = wrap<Engine>(worker);
