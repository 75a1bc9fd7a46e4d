/** Growing a file piece by piece, for downloads that can be resumed. */

/** Appends bytes to a file, creating it if need be. Node and Deno only. */
export async function appendBytes(path: string, bytes: Uint8Array): Promise<void> {
  const { appendFile } = await import("node:fs/promises");
  await appendFile(path, bytes);
}
