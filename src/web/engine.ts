/** The engine of the page: a worker, so that the page stays free. Its parts are in `engine/`. */
import { expose } from "comlink";
import { cancel, pause } from "./engine/control.ts";
import { forget } from "./engine/forget.ts";
import { open } from "./engine/open.ts";
import { checkpoint, maps, moves } from "./engine/runs.ts";
import type { Engine } from "./messages.ts";

const engine: Engine = { open, forget, cancel, pause, checkpoint, maps, moves };

expose(engine);
