/**
 * Gives every file that is packed the same mode, whatever the umask of who cloned and built it: npm keeps the modes, so
 * that the packed file would differ. Part of `npm run build`.
 */
import { chmodSync, readdirSync, readFileSync, statSync } from "node:fs";

const { files } = JSON.parse(readFileSync("package.json", "utf8"));

function visit(path) {
  const { mode } = statSync(path);
  if ((mode & 0o170000) === 0o040000)
    for (const name of readdirSync(path)) visit(`${path}/${name}`);
  else if ((mode & 0o777) !== 0o644) chmodSync(path, 0o644);
}

for (const path of ["package.json", ...files.filter((name) => !name.startsWith("!"))]) visit(path);
