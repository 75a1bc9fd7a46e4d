/** Tar archives. */

/** An entry of a tar archive. */
export function entry(
  path: string,
  content: Uint8Array | string,
  type = "0",
  size = Buffer.byteLength(content).toString(8).padStart(11, "0"),
  target = "",
): Uint8Array {
  const data = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(path.slice(0, 100), 0);
  header.write("0000644\0", 100);
  header.write(size, 124, "latin1");
  header.write("        ", 148);
  header.write(type, 156);
  header.write(target.slice(0, 100), 157);
  header.write("ustar", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

export const tar = (...entries: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([...entries, Buffer.alloc(1024)]);

/** A link, hard (`1`) or symbolic (`2`). */
export const link = (path: string, target: string, type: "1" | "2" = "1"): Uint8Array =>
  entry(path, "", type, undefined, target);

/** A path that does not fit into a header: GNU's way, and that of pax. */
export const gnu = (path: string, type: "L" | "K" = "L"): Uint8Array =>
  entry("././@LongLink", `${path}\0`, type);
export function pax(path: string, key = "path"): Uint8Array {
  const record = ` ${key}=${path}\n`;
  const length = Buffer.byteLength(record) + 3;
  return entry("PaxHeaders/x", `${length}${record}`, "x");
}
