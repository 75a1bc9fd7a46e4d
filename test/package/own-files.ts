/** Files of the project itself: what a clean clone has. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** What installing, building, testing and running put beside them. */
const made = /^(?:node_modules|\.git|dist|runs|\.cache|shared|docs\/api)$|\/node_modules$|\.tmp$/;

/** Their paths from the project's root, with slashes. */
export function ownFiles(root: string, folder = ""): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (made.test(path)) return [];
    return entry.isDirectory() ? ownFiles(root, path) : [path];
  });
}
