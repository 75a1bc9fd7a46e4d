import { z } from "zod";
import { ShapeError } from "../errors.ts";
import type { Tuning } from "../gpu/device.ts";
import type { Constants } from "../gpu/kernel.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format, sameShape, type Shape } from "../shape.ts";
import { lanePart, loopPart } from "./launch/lanes.ts";
import { settingsOf } from "./settings.ts";
import { sumSlices } from "./launch/reduce.ts";

/** Settings of {@link attention}. */
export interface AttentionAttrs {
  /** Heads the last axis is split into. */
  readonly heads: number;
  /** Factor on the scores; 1 / sqrt(D) by default. */
  readonly scale?: number;
}

const schema = z.strictObject({ heads: z.number(), scale: z.number().optional() });

/** Rows of queries (or keys) a thread keeps in registers. */
const rowsPerThread: Readonly<Record<Tuning, number>> = { software: 2, gpu: 1 };

/** Threads that fill an adapter; with fewer keys the queries are split over slices. */
const wantedThreads: Readonly<Record<Tuning, number>> = { software: 256, gpu: 16_384 };

/** The shortest slice: below it, adding up the slices costs more than it gains. */
const shortestSlice = 32;

const largestHead = 256;

interface Sizes {
  readonly b: number;
  readonly heads: number;
  readonly lq: number;
  readonly lk: number;
  readonly d: number;
}

function sizesOf([q, k]: readonly Shape[], { heads }: AttentionAttrs): Sizes {
  const [b, lq, width] = q as readonly number[] as [number, number, number];
  return { b, heads, lq, lk: k![1]!, d: width / heads };
}

function requireShapes([q, k, v]: readonly Shape[], { heads }: AttentionAttrs): void {
  const shapes = `queries ${format(q!)}, keys ${format(k!)}, values ${format(v!)}`;
  if (q!.length !== 3 || k!.length !== 3 || q![0] !== k![0] || q![2] !== k![2]) {
    throw new ShapeError(
      `attention: queries [B, Lq, C] and keys [B, Lk, C] must agree in B and C, got ${shapes}.`,
    );
  }
  if (!sameShape(k!, v!)) {
    throw new ShapeError(`attention: values must have the shape of the keys, got ${shapes}.`);
  }
  const width = q![2]!;
  if (!Number.isInteger(heads) || heads < 1 || width % heads !== 0 || width / heads > largestHead) {
    throw new ShapeError(
      `attention: ${width} channels cannot be split into ${heads} heads of at most ${largestHead}; ${shapes}.`,
    );
  }
}

/** A kernel with its lanes and the constants that all three share. */
function kernel(
  name: "forward" | "query-grad" | "key-grad",
  { b, heads, lq, lk, d }: Sizes,
  tuning: Tuning,
  scale: number,
): { shader: string; parts: string[]; constants: Constants } {
  const sizes = { B: b, HEADS: heads, LQ: lq, LK: lk, D: d };
  return {
    shader: `attention/${name}`,
    parts: [lanePart(d % 4 === 0), loopPart(tuning)],
    constants: { ...sizes, SCALE: scale, R: rowsPerThread[tuning], SLICES: 1 },
  };
}

const operation: Operation<AttentionAttrs> = {
  name: "attention",
  takes: { q: "f32", k: "f32", v: "f32" },
  shape: (shapes, attrs) => {
    requireShapes(shapes, attrs);
    return shapes[0]!;
  },
  saved: (shapes, attrs) => {
    const { b, heads, lq } = sizesOf(shapes, attrs);
    return { lse: { shape: [b, heads, lq] } };
  },
  forward: ({ inputs, y, saved, attrs, tuning }) => {
    const [q, k, v] = inputs as [Value, Value, Value];
    const sizes = sizesOf([q.shape, k.shape], attrs);
    const { b, heads, lq, lk, d } = sizes;
    const rows = rowsPerThread[tuning];
    return [
      {
        ...kernel("forward", sizes, tuning, attrs.scale ?? 1 / Math.sqrt(d)),
        bind: { q, k, v, y, lse: saved["lse"]! },
        threads: b * heads * Math.ceil(lq / rows),
        flop: 4 * b * heads * lq * lk * d,
      },
    ];
  },
  backward: ({ inputs, y, saved, dy, dinputs, attrs, tuning, scratch }) => {
    const [q, k, v] = inputs as [Value, Value, Value];
    const [dq = null, dk = null, dv = null] = dinputs;
    const sizes = sizesOf([q.shape, k.shape], attrs);
    const { b, heads, lq, lk, d } = sizes;
    const scale = attrs.scale ?? 1 / Math.sqrt(d);
    const rows = rowsPerThread[tuning];
    const lse = saved["lse"]!;
    const delta = scratch("delta", lse.shape);
    const pairs = b * heads * lq * lk * d;
    const queryGrad = kernel("query-grad", sizes, tuning, scale);
    const launches: Launch[] = [
      {
        ...queryGrad,
        constants: { ...queryGrad.constants, SPAN: lk },
        bind: { q, k, v, y, dy, lse, delta, dq: dq ?? scratch("dq", q.shape) },
        threads: b * heads * Math.ceil(lq / rows),
        flop: 6 * pairs,
      },
    ];
    if (dk === null && dv === null) return launches;
    const blocks = b * heads * Math.ceil(lk / rows);
    const slices = Math.max(
      1,
      Math.min(Math.ceil(wantedThreads[tuning] / blocks), Math.floor(lq / shortestSlice)),
    );
    const partial = (label: string, whole: Value | null): Value =>
      slices === 1 && whole !== null ? whole : scratch(`${label} partial`, [slices, ...k.shape]);
    const parts = { dk: partial("dk", dk), dv: partial("dv", dv) };
    const keyGrad = kernel("key-grad", sizes, tuning, scale);
    launches.push({
      ...keyGrad,
      constants: { ...keyGrad.constants, SLICES: slices, SPAN: Math.ceil(lq / slices) },
      bind: { q, k, v, dy, lse, delta, ...parts },
      threads: slices * blocks,
      flop: 8 * pairs,
    });
    for (const [part, out] of [
      [parts.dk, dk],
      [parts.dv, dv],
    ] as const) {
      if (out === null || part === out) continue;
      launches.push({ ...sumSlices(tuning, out.size, slices), bind: { x: part, y: out } });
    }
    return launches;
  },
};

/**
 * Scaled dot-product attention of several heads: softmax(scale · q kᵀ) v for each.
 *
 * Fused: scores are made block by block and never stored; the backward pass makes them again from the
 * logarithm of each row's sum (Dao et al., FlashAttention, 2022). Sums have a fixed order. One family of
 * kernels serves software adapters and GPUs: neighbouring threads read the same keys, so caches broadcast
 * them.
 *
 * @param q queries [B, Lq, heads · D]: the last axis holds the heads one after the other.
 * @param k keys [B, Lk, heads · D].
 * @param v values, of the keys' shape.
 * @returns [B, Lq, heads · D].
 * @throws ShapeError if shapes differ where they must not, or a head is wider than 256.
 */
export function attention(
  q: Value,
  k: Value,
  v: Value,
  attrs: AttentionAttrs,
  label?: string,
): Value {
  const { heads, scale } = settingsOf(schema, attrs, label ?? "attention");
  const settings = { heads, ...(scale === undefined ? {} : { scale }) };
  return applyOperation(operation, [q, k, v], settings, label);
}
