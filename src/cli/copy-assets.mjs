/** Copies what the compiled code reads beside itself: shaders and weights. Part of `npm run build`. */
import { cpSync } from "node:fs";

cpSync("shaders", "dist/shaders", { recursive: true });
cpSync("models/weights", "dist/models/weights", { recursive: true });
