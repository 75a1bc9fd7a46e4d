export async function loadText(url: URL): Promise<string> {
  if (url.protocol !== "file:") return (await fetch(url)).text();
  const { readFile } = await import("node:fs/promises");
  return readFile(url, "utf8");
}
