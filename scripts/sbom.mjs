/**
 * Writes dist/sbom.cdx.json: what an installation of the package brings, in the form of CycloneDX 1.5, from
 * package-lock.json. Part of `npm run build`.
 *
 * `npm sbom` is not taken: it leaves out what development needs as well (picomatch, pure-rand), names the package by its
 * folder, and says another time and serial number whenever it runs.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** @typedef {Record<string, string>} Versions */
/**
 * An entry of package-lock.json.
 * @typedef {{version: string, license: string, integrity: string, dev?: boolean, optional?: boolean, dependencies?: Versions,
 *   optionalDependencies?: Versions, peerDependencies?: Versions}} Locked
 */

/** @type {(folder: string) => string} */
const nameOf = (folder) => folder.slice(folder.lastIndexOf("node_modules/") + 13);

/** @type {(name: string, version: string) => string} */
const purl = (name, version) => `pkg:npm/${name.replace("@", "%40")}@${version}`;

/** @type {(folder: string, one: Locked) => string} */
const refOf = (folder, { version }) => purl(nameOf(folder), version);

/** Where Node finds a package from a folder: in it, or in the next one around it. */
function placeOf(packages, from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
    const place = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
    if (packages[place] !== undefined) return place;
    if (at === "") return undefined;
  }
}

/**
 * References of what a package in a folder asks for, sorted.
 * @type {(packages: Record<string, Locked>, folder: string) => string[]}
 */
function dependsOn(packages, folder) {
  const { dependencies, optionalDependencies, peerDependencies } = packages[folder];
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  const places = names.flatMap((name) => placeOf(packages, folder, name) ?? []);
  return [...new Set(places.map((place) => refOf(place, packages[place])))].sort();
}

/**
 * A licence of SPDX's list by its name there, any other as it is called.
 * @type {(license: string) => {license: {id?: string, name?: string}}[]}
 */
const licencesOf = (license) => [
  { license: license.startsWith("SEE ") ? { name: license } : { id: license } },
];

/** @param {string} folder @param {Locked} one */
function component(folder, { version, license, integrity, optional }) {
  const [algorithm, hash] = integrity.split("-");
  if (algorithm !== "sha512") throw new Error(`${folder}: no SHA-512 in package-lock.json`);
  return {
    type: "library",
    "bom-ref": purl(nameOf(folder), version),
    name: nameOf(folder),
    version,
    scope: optional === true ? "optional" : "required",
    hashes: [{ alg: "SHA-512", content: Buffer.from(hash, "base64").toString("hex") }],
    licenses: licencesOf(license),
    purl: purl(nameOf(folder), version),
  };
}

/**
 * The bill of materials of a package.
 *
 * @param {{name: string, version: string, license: string, description: string}} manifest package.json
 * @param {{packages: Record<string, Locked>}} lock package-lock.json
 */
export function sbomOf(manifest, { packages }) {
  const folders = Object.keys(packages).filter(
    (folder) => folder !== "" && packages[folder].dev !== true,
  );
  // A package that lies in several folders, in one version, is one component; where one is required, it is.
  /** @type {Map<string, ReturnType<typeof component>>} */
  const components = new Map();
  /** @type {Map<string, string[]>} */
  const dependencies = new Map();
  for (const folder of folders) {
    const one = component(folder, packages[folder]);
    const ref = one["bom-ref"];
    if (components.get(ref)?.scope !== "required") components.set(ref, one);
    const known = dependencies.get(ref) ?? [];
    dependencies.set(ref, [...new Set([...known, ...dependsOn(packages, folder)])].sort());
  }
  const { name, version, license, description } = manifest;
  const own = purl(name, version);
  const sorted = [...components].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
  const content = {
    metadata: {
      component: {
        type: "library",
        "bom-ref": own,
        name,
        version,
        description,
        licenses: licencesOf(license),
        purl: own,
      },
    },
    components: sorted,
    dependencies: [
      { ref: own, dependsOn: dependsOn(packages, "") },
      ...sorted.map((one) => ({
        ref: one["bom-ref"],
        dependsOn: dependencies.get(one["bom-ref"]),
      })),
    ],
  };
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.5.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(content))}`,
    version: 1,
    ...content,
  };
}

/** A UUID of version 8: the first bits of a text's hash, so that equal contents have equal numbers. */
function uuidOf(text) {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x80;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [manifest, lock] = ["package.json", "package-lock.json"].map((file) =>
    JSON.parse(readFileSync(file, "utf8")),
  );
  writeFileSync("dist/sbom.cdx.json", `${JSON.stringify(sbomOf(manifest, lock), null, 1)}\n`);
}
