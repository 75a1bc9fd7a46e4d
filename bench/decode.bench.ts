/** Decoding of JPEG files: one thread, all of them, and from the cache. No GPU is used. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import encodeJpeg, { init as initJpeg } from "@jsquash/jpeg/encode.js";
import { loadImageFiles } from "../src/data/image-files.ts";
import { codecModule } from "../src/platform/codecs.ts";
import { cores } from "../src/platform/workers.ts";
import type { BenchModule, BenchRow } from "./harness.ts";

const count = 4000;
const side = 64;

/** Images with as much detail as small photographs have: about 2 KB each. */
async function writeImages(dir: string): Promise<string[]> {
  const start = initJpeg as unknown as (module: WebAssembly.Module) => Promise<void>;
  await start((await codecModule("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm"))!);
  const paths: string[] = [];
  for (let i = 0; i < count; i++) {
    const data = Uint8ClampedArray.from({ length: side * side * 4 }, (_, j) => {
      const [x, y] = [(j >> 2) % side, Math.floor(j / 4 / side)];
      return 128 + 60 * Math.sin((x * (1 + (i % 7))) / 9 + i) + 60 * Math.cos((y * (j % 4)) / 11);
    });
    const image = { data, width: side, height: side } as ImageData;
    const path = `${dir}/${i}.jpg`;
    writeFileSync(path, new Uint8Array(await encodeJpeg(image)));
    paths.push(path);
  }
  return paths;
}

export const decode: BenchModule = {
  name: "decode",
  summary: `${count} JPEG files of ${side}² pixels: one thread, all cores, from the cache`,
  async run() {
    const dir = mkdtempSync(`${tmpdir()}/rewind-decode-`);
    try {
      const task = {
        paths: await writeImages(dir),
        channels: 3,
        size: side,
        resize: false,
      } as const;
      const threads = Math.min(8, await cores());
      const cache = `${dir}/cache`;
      await loadImageFiles(task, { threads, cache });
      const ways = [
        ["1 thread", { threads: 1, cache: null }],
        [`${threads} threads`, { threads, cache: null }],
        ["from the cache", { cache }],
      ] as const;
      const rows: BenchRow[] = [];
      for (const [name, options] of ways) {
        const times: number[] = [];
        for (let i = 0; i < 5; i++) {
          const begin = performance.now();
          await loadImageFiles(task, options);
          times.push(performance.now() - begin);
        }
        times.sort((a, b) => a - b);
        const milliseconds = times[2]!;
        const figures = { "images/s": (1000 * count) / milliseconds };
        rows.push({ name, milliseconds, low: times[0]!, high: times[4]!, figures });
      }
      return rows;
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
};
