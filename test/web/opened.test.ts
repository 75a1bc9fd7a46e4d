// What the engine has open, while a device that was lost is replaced.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Opened, opened, ready, setOpened } from "../../src/web/engine/opened.ts";

test("what is opened while another device comes stays, and all who wait get the same device", async () => {
  const [before, after] = [{ title: "before" }, { title: "after" }];
  const lost = { gpu: { lost: { reason: "destroyed" } }, images: before };
  setOpened(lost as unknown as Opened);
  const waiting = [ready(), ready()];
  setOpened({ ...lost, images: after } as unknown as Opened);
  const gpus = (await Promise.all(waiting)).map(({ gpu }) => gpu);
  for (const gpu of new Set(gpus)) gpu.close();
  assert.ok(gpus[0] === gpus[1]);
  assert.ok(opened().gpu === gpus[0]);
  assert.is(opened().images.title, after.title);
});

test.run();
