/** A process that has every fault, for the test of who watches it: input 1 hangs, 2 ends it, 3 takes memory, 4 is raw. */
import { createInterface } from "node:readline";
import type { Portion, Said } from "./watch.ts";

const held: Uint8Array[] = [];

const say = (said: Said): void => void process.stdout.write(`${JSON.stringify(said)}\n`);

function read(index: number): void {
  if (index === 1) for (;;) held.length = 0;
  if (index === 2) process.exit(3);
  if (index === 3) held.push(new Uint8Array(2 ** 29).fill(1));
  const peak = process.memoryUsage().rss;
  const verdict = index === 4 ? { outcome: "raw", error: "TypeError" } : { outcome: "read" };
  say({ ends: index, milliseconds: 1, peak, ...verdict } as Said);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { from, count } = JSON.parse(line) as Portion;
  for (let index = from; index < from + count; index++) {
    say({ starts: index });
    read(index);
  }
  say({ done: true });
}
