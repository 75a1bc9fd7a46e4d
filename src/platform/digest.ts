/** Checksums. */
import { host } from "#platform";
import { UsageError } from "../errors.ts";

/** The SHA-256 of `bytes` as 64 hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Most bytes hashed at once: no runtime takes any number. */
const mostAtOnce = 2 ** 30;

/** A digest of bytes of any number: their SHA-256, or that of the digests of their GiB. */
export async function contentDigest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (bytes.length <= mostAtOnce) return sha256(bytes);
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += mostAtOnce) {
    parts.push(await sha256(bytes.subarray(at, at + mostAtOnce)));
  }
  return sha256(new TextEncoder().encode(parts.join()));
}

/**
 * The MD5 of `bytes` as 32 hexadecimal digits. MD5 guards against damage, not against malice; the
 * official data sets publish nothing else.
 *
 * @throws UsageError where the runtime has none (browsers).
 */
export async function md5(bytes: Uint8Array): Promise<string> {
  if (host.md5 === undefined) {
    throw new UsageError("this runtime has no MD5 checksums; fetch data sets with Node or Deno.");
  }
  return host.md5(bytes);
}
