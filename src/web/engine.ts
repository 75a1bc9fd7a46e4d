/** The engine of the page: a worker, so that the page stays free. Its parts are in `engine/`. */
import { expose } from "comlink";
import { cancel, pause } from "./engine/control.ts";
import { forget, goOn, keptRun, restore } from "./engine/forget.ts";
import { discard } from "./engine/keep.ts";
import { findImages } from "./engine/images.ts";
import { kindOf, openPredictor } from "./engine/network.ts";
import { keptTraining, learn, learnOn, restoreTraining } from "./engine/learn.ts";
import { makeWrong, network, open, openImages, openNetwork } from "./engine/open.ts";
import { report } from "./engine/report.ts";
import { checkpoint, maps, moves } from "./engine/runs.ts";
import type { Engine } from "./messages.ts";

const engine: Engine = {
  ...{ open, openImages, kindOf, openNetwork, openPredictor, network },
  ...{ makeWrong, learn, findImages },
  ...{ forget, restore, goOn, restoreTraining, learnOn, discard },
  kept: async () => (await keptRun()) ?? keptTraining(),
  ...{ cancel, pause },
  ...{ checkpoint, maps, moves, report },
};

expose(engine);
