/** Checksums WebCrypto lacks. */

/**
 * The MD5 of `bytes` as 32 hexadecimal digits. MD5 guards against damage, not against malice; the
 * official data sets publish nothing else. Throws where the runtime has no `node:crypto` (browsers).
 */
export async function md5(bytes: Uint8Array): Promise<string> {
  let crypto: { createHash(name: "md5"): Hash };
  try {
    crypto = await import("node:crypto");
  } catch (cause) {
    throw new Error(
      "MD5 checksums need node:crypto, which this runtime lacks; fetch data sets with Node or Deno.",
      { cause },
    );
  }
  return crypto.createHash("md5").update(bytes).digest("hex");
}

interface Hash {
  update(bytes: Uint8Array): Hash;
  digest(encoding: "hex"): string;
}
