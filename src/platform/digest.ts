/** Checksums. */
import { UsageError } from "../errors.ts";

/** The SHA-256 of `bytes` as 64 hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The MD5 of `bytes` as 32 hexadecimal digits. MD5 guards against damage, not against malice; the
 * official data sets publish nothing else.
 *
 * @throws UsageError where the runtime has no `node:crypto` (browsers).
 */
export async function md5(bytes: Uint8Array): Promise<string> {
  let node: { createHash(name: "md5"): Hash };
  try {
    node = await import("node:crypto");
  } catch (cause) {
    throw new UsageError(
      "MD5 checksums need node:crypto, which this runtime lacks; fetch data sets with Node or Deno.",
      { cause },
    );
  }
  return node.createHash("md5").update(bytes).digest("hex");
}

interface Hash {
  update(bytes: Uint8Array): Hash;
  digest(encoding: "hex"): string;
}
