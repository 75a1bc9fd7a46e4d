/** What package-lock.json says of the packages that an installation of the package brings. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./project.ts";

/** A package in a lock. */
export interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly license?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

/** The packages of a lock by their folders; without the project itself. */
export function lockedIn(file: string): ReadonlyMap<string, Locked> {
  const { packages } = JSON.parse(readFileSync(join(root, file), "utf8")) as {
    packages: Record<string, Locked>;
  };
  return new Map(Object.entries(packages).filter(([folder]) => folder !== ""));
}

/** The name of the package in a folder. */
export const nameOf = (folder: string): string =>
  folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);

/** What an installation of the package brings with its optional packages: by "NAME VERSION". */
export function production(): ReadonlyMap<string, Locked> {
  const brought = [...lockedIn("package-lock.json")].filter(([, { dev }]) => dev !== true);
  return new Map(brought.map(([folder, one]) => [`${nameOf(folder)} ${one.version}`, one]));
}
