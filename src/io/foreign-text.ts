/** Text that people have where a checkpoint should be: Git LFS pointers, web pages, indices, JSON. */

/** What a reader of checkpoints takes. */
export const whatToGive =
  "give a .safetensors file, a PyTorch .pt or .pth, or a Keras .h5 or .keras";

/** What a file of text is and what to do, to follow `"name" is `; undefined for what is no text. */
export function foreignText(bytes: Uint8Array): string | undefined {
  // Bytes as Latin-1: what matters is ASCII.
  const text = String.fromCharCode(...bytes.subarray(0, 512)).replace(/^ï»¿/, "");
  const start = text.trimStart();
  if (start.startsWith("version https://git-lfs.github.com/spec/")) {
    const size = /^size (\d+)$/m.exec(text)?.[1];
    return (
      `a Git LFS pointer, not the file itself${size === undefined ? "" : ` (of ${size} bytes)`}; ` +
      "run `git lfs pull` where it lies, or download the file itself"
    );
  }
  if (/^<(!doctype|html|head|body|\?xml|script|!--)/i.test(start)) {
    const title = /<title>\s*([^<]{1,80}?)\s*<\/title>/i.exec(text)?.[1];
    return (
      `a web page${title === undefined ? "" : ` ("${title}")`}, not the file itself; download it again, ` +
      "by the link to the file"
    );
  }
  if (bytes.length === 0 || /[^\t\n\r -~\x80-\xff]/.test(text)) return undefined;
  if (text.includes('"weight_map"')) {
    return "the index of a checkpoint in several files; join them and give one file";
  }
  if (/^[{[]/.test(start)) return `JSON, no checkpoint; ${whatToGive}`;
  const line = start.split(/[\r\n]/)[0]!.slice(0, 40);
  return `text, no checkpoint (it begins "${line}"); ${whatToGive}`;
}
