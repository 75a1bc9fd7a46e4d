/**
 * How far each layer goes back, for methods that go back by what fine-tuning on D_f moved.
 *
 * After layer-aware task arithmetic (Chen et al., 2025), where layers are ranked and of L layers the one of rank r (from 0) has
 * the share 1 - r / L. There the rank is by the likeness to what fine-tuning on instructions does, which image classifiers
 * have none of; here the first layer is the one that D_f moved furthest for its length.
 */
import { z } from "zod";
import type { BufferView, Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { Bound } from "../graph/bound.ts";
import { compile, type Program } from "../graph/program.ts";
import { type Arena, layerOf, type Slot } from "../weights/arena.ts";

/** How layers go back: all alike, or each by a share of its own. */
export const layerChoice: z.ZodEnum<{ equal: "equal"; ranked: "ranked" }> = z.enum([
  "equal",
  "ranked",
]);

/** What is said of the setting. */
export const layersText =
  "ranked: a layer goes back the less, the less fine-tuning moved it for its length, the last of L by 1 / L as far";

/** Elements whose squares one workgroup adds. */
const span = 4096;

/** Ranks layers of a network by how far they moved. Owns its program and the sums. */
export class LayerShares {
  readonly #gpu: Gpu;
  readonly #owned: Owned;
  readonly #program: Program;
  readonly #sums: BufferView;
  /** Layers by their parts of the sums. */
  readonly #layers: readonly string[];

  private constructor(
    gpu: Gpu,
    owned: Owned,
    program: Program,
    sums: BufferView,
    layers: readonly string[],
  ) {
    this.#gpu = gpu;
    this.#owned = owned;
    this.#program = program;
    this.#sums = sums;
    this.#layers = layers;
  }

  /** @param start weights before a fine-tuning. @param end weights after it. @param slots those of the layers that are ranked. */
  static async create(
    gpu: Gpu,
    start: Arena,
    end: Arena,
    slots: readonly Slot[] = start.layout.slots,
  ): Promise<LayerShares> {
    const layers: string[] = [];
    const placed = slots.map((slot) => {
      const first = layers.length;
      const parts = Math.ceil(slot.size / span);
      for (let part = 0; part < parts; part++) layers.push(layerOf(slot));
      return { slot, parts, place: Uint32Array.of(slot.size, first) };
    });
    return Owned.during(async (owned) => {
      const bound = owned.add(new Bound());
      const sums = await bound.zeros(gpu, "sums of squares", [2 * layers.length]);
      const launches = placed.map(({ slot, parts, place }) => ({
        ...{ shader: "weights/moved", constants: { SPAN: span }, uniforms: { place } },
        bind: { x: bound.slot(start, slot), y: bound.slot(end, slot), sums },
        threads: 64 * parts,
      }));
      const { bindings } = bound;
      const program = owned.add(
        await compile(gpu, launches, { label: "how far layers moved", bindings }),
      );
      return new LayerShares(gpu, owned, program, bound.at(sums), layers);
    });
  }

  /**
   * Share of a parameter's layer, by the layer's rank among those that moved: 1 for the one that moved furthest for its
   * length, then less by 1 / L; 1 for layers that did not move.
   */
  async measure(): Promise<(slot: Slot) => number> {
    this.#program.run();
    const sums = await this.#gpu.readFloats(this.#sums);
    const squares = new Map<string, { moved: number; long: number }>();
    for (const [part, layer] of this.#layers.entries()) {
      const { moved, long } = squares.get(layer) ?? { moved: 0, long: 0 };
      squares.set(layer, { moved: moved + sums[2 * part]!, long: long + sums[2 * part + 1]! });
    }
    const ranked = [...squares]
      .filter(([, { moved }]) => moved > 0)
      .map(([layer, { moved, long }]) => ({
        layer,
        ratio: moved / Math.max(long, Number.MIN_VALUE),
      }))
      .sort((a, b) => b.ratio - a.ratio);
    const shares = new Map(ranked.map(({ layer }, rank) => [layer, 1 - rank / ranked.length]));
    return (slot) => shares.get(layerOf(slot)) ?? 1;
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
