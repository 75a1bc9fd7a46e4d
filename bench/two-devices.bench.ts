/** What it costs to train one network on two devices of a process, whose gradients are added by the host. */
import { acquireDevice, type Gpu } from "../src/gpu/device.ts";
import { type BenchModule, type BenchRow, time } from "./harness.ts";
import { type NetworkStep, smallStep, withStep } from "./networks.ts";

/** The small CNN with some images a step. */
const ofBatch = (batch: number): NetworkStep => ({ ...smallStep, batch });

export const twoDevices: BenchModule = {
  name: "two-devices",
  summary:
    "the small CNN's step on one device and on two, with the gradients' way through the host",
  async run(gpu, { seconds }) {
    const { software } = gpu.adapter;
    const other = await acquireDevice({ adapter: software ? "software" : "gpu" });
    try {
      const [whole, half] = [smallStep.batch, smallStep.batch / 2];
      const one = await withStep(gpu, ofBatch(whole), 1, ({ epoch }) =>
        time(gpu, `a step of ${whole} images on one device`, () => epoch(1), { seconds }),
      );
      const [part, both, bytes] = await withStep(gpu, ofBatch(half), 1, (here) =>
        withStep(other, ofBatch(half), 1, async (there) => {
          const name = `a step of ${half} images on`;
          const alone = (): Promise<void> => here.epoch(1);
          const together = (): Promise<unknown> => Promise.all([here.epoch(1), there.epoch(1)]);
          return [
            await time(gpu, `${name} one device`, alone, { seconds }),
            await time(gpu, `${name} each of two devices`, () => together().then(() => {}), {
              seconds,
            }),
            4 * here.parameters,
          ] as const;
        }),
      );
      const single = await exchange("one device", [gpu], bytes, seconds);
      const between = await exchange("two devices", [gpu, other], bytes, seconds);
      const whichever = both.milliseconds + between.milliseconds;
      return [
        one,
        part,
        both,
        single,
        {
          ...between,
          figures: {
            "KB a device": bytes / 1000,
            "% of the step on two": (100 * between.milliseconds) / both.milliseconds,
            "speed on two, with it, against one": one.milliseconds / whichever,
            "speed on two, without it, against one": one.milliseconds / both.milliseconds,
          },
        },
      ];
    } finally {
      other.close();
    }
  },
};

/** Gradients of so many bytes are read from each device, added in one order, and written to each. */
async function exchange(
  name: string,
  gpus: readonly Gpu[],
  bytes: number,
  seconds: number,
): Promise<BenchRow> {
  const buffers: GPUBuffer[] = [];
  for (const gpu of gpus) {
    const { gradients } = await gpu.allocate({ gradients: bytes });
    gpu.write(gradients, new Float32Array(bytes / 4).fill(1));
    buffers.push(gradients);
  }
  const work = async (): Promise<void> => {
    const parts = await Promise.all(gpus.map((gpu, i) => gpu.readFloats(buffers[i]!)));
    const sum = parts[0]!;
    for (const part of parts.slice(1)) for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
    for (const [i, gpu] of gpus.entries()) gpu.write(buffers[i]!, sum);
    await Promise.all(gpus.map((gpu) => gpu.idle()));
  };
  const row = await time(gpus[0]!, `gradients read, added and written, ${name}`, work, { seconds });
  for (const [i, gpu] of gpus.entries()) gpu.free(buffers[i]!);
  return row;
}
