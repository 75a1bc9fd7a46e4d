/** Copies what the compiled code reads beside itself: shaders and weights. Part of `npm run build`. */
import { cpSync, rmSync } from "node:fs";

for (const folder of ["shaders", "models/weights"]) {
  // A file that is gone from the source would stay.
  rmSync(`dist/${folder}`, { recursive: true, force: true });
  cpSync(folder, `dist/${folder}`, { recursive: true });
}
