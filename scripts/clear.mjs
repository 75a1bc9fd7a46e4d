/** Removes what earlier builds left: what is gone from the sources would be packed. Begins `npm run build`. */
import { rmSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
