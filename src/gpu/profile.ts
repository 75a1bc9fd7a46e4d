/**
 * Timestamp profiler: GPU time of every dispatch of a program's first replays.
 *
 * Timestamps exist per pass, so profiled replays put each dispatch into a pass of its own. That costs
 * overlap between dispatches and some time a pass: read the shares, not the sum.
 */
import { GpuError } from "../errors.ts";
import type { Gpu } from "./device.ts";
import type { DispatchTimer, ProfiledDispatch, Span } from "./dispatch-timer.ts";

/** Totals of one kernel within a program. */
export interface KernelTime {
  readonly program: string;
  readonly kernel: string;
  /** Dispatches timed. */
  readonly calls: number;
  readonly milliseconds: number;
  /** Share of the program's timed milliseconds, in %. */
  readonly share: number;
  /** 10⁹ floating-point operations a second; 0 where the kernel states no FLOP. */
  readonly gflops: number;
  /** 10⁹ bytes of bound values a second: what the kernel would move with a perfect cache. */
  readonly gigabytes: number;
}

/** Replays of each program that are timed; later ones run at full speed. */
const replaysPerProgram = 8;

/** Times programs on one device; install it as `gpu.profiler`. Owns the timings that are not collected. */
export class Profiler implements DispatchTimer {
  readonly #gpu: Gpu;
  readonly #pending: {
    program: string;
    replay: number;
    dispatches: readonly ProfiledDispatch[];
    buffer: GPUBuffer;
  }[] = [];
  readonly #taken = new Map<string, number>();

  /** @throws GpuError where the adapter has no timestamps. */
  constructor(gpu: Gpu) {
    if (!gpu.device.features.has("timestamp-query")) {
      throw new GpuError(
        `\`profile\`: adapter "${gpu.adapter.description}" has no timestamp queries. Use \`npm run bench\` for wall times.`,
      );
    }
    this.#gpu = gpu;
  }

  /** Whether the next replay of a program should be timed. */
  wants(program: string): boolean {
    return (this.#taken.get(program) ?? 0) < replaysPerProgram;
  }

  /** Submits one timed replay. */
  run(program: string, dispatches: readonly ProfiledDispatch[]): void {
    const replay = this.#taken.get(program) ?? 0;
    this.#taken.set(program, replay + 1);
    // A query set holds 4,096 queries at most.
    for (let first = 0; first < dispatches.length; first += 2048) {
      this.#time(program, replay, dispatches.slice(first, first + 2048));
    }
  }

  #time(program: string, replay: number, dispatches: readonly ProfiledDispatch[]): void {
    const { device } = this.#gpu;
    const queries = device.createQuerySet({ type: "timestamp", count: 2 * dispatches.length });
    const size = 16 * dispatches.length;
    const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ label: "timestamps", size, usage });
    this.#gpu.submit((encoder) => {
      dispatches.forEach((dispatch, i) => {
        const pass = encoder.beginComputePass({
          label: dispatch.label,
          timestampWrites: {
            querySet: queries,
            beginningOfPassWriteIndex: 2 * i,
            endOfPassWriteIndex: 2 * i + 1,
          },
        });
        pass.setPipeline(dispatch.pipeline);
        pass.setBindGroup(0, dispatch.bindGroup);
        pass.dispatchWorkgroups(...dispatch.groups);
        pass.end();
      });
      encoder.resolveQuerySet(queries, 0, 2 * dispatches.length, buffer, 0);
    });
    queries.destroy();
    this.#pending.push({ program, replay, dispatches, buffer });
  }

  /** Reads all timings taken so far. */
  async collect(): Promise<Span[]> {
    const spans: Span[] = [];
    for (const { program, replay, dispatches, buffer } of this.#pending) {
      const [bytes] = await this.#gpu.read({ buffer, offset: 0, size: buffer.size });
      const ticks = new BigUint64Array(bytes!);
      dispatches.forEach(({ label, flop, bytes: moved }, i) => {
        const start = Number(ticks[2 * i]!);
        const end = Number(ticks[2 * i + 1]!);
        spans.push({ program, kernel: label, replay, start, end, flop, bytes: moved });
      });
    }
    this.destroy();
    return spans;
  }

  /** Frees the timings that were not collected. */
  destroy(): void {
    for (const { buffer } of this.#pending.splice(0)) buffer.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/**
 * Totals by program and kernel, longest first within each program. A program's first replay is left out where there are
 * later ones: drivers compile in it.
 */
export function summarise(taken: readonly Span[]): KernelTime[] {
  const again = new Set(taken.filter(({ replay }) => replay > 0).map(({ program }) => program));
  const spans = taken.filter(({ program, replay }) => replay > 0 || !again.has(program));
  const groups = new Map<string, Span[]>();
  for (const span of spans) {
    const key = `${span.program}\n${span.kernel}`;
    groups.set(key, [...(groups.get(key) ?? []), span]);
  }
  const time = (of: readonly Span[]): number =>
    of.reduce((sum, s) => sum + (s.end - s.start), 0) / 1e6;
  const rows = [...groups.values()].map((group): KernelTime => {
    const { program, kernel } = group[0]!;
    const milliseconds = time(group);
    const per = (total: number): number => (milliseconds > 0 ? total / milliseconds / 1e6 : 0);
    return {
      program,
      kernel,
      calls: group.length,
      milliseconds,
      share:
        (100 * milliseconds) / Math.max(1e-9, time(spans.filter((s) => s.program === program))),
      gflops: per(group.reduce((sum, s) => sum + s.flop, 0)),
      gigabytes: per(group.reduce((sum, s) => sum + s.bytes, 0)),
    };
  });
  return rows.sort((a, b) =>
    a.program < b.program ? -1 : a.program > b.program ? 1 : b.milliseconds - a.milliseconds,
  );
}

/** The spans as Chrome trace events: open the JSON in chrome://tracing or Perfetto. */
export function chromeTrace(spans: readonly Span[]): { traceEvents: unknown[] } {
  const origin = spans.reduce((first, span) => Math.min(first, span.start), Infinity);
  const programs = [...new Set(spans.map((span) => span.program))];
  return {
    traceEvents: spans.map((span) => ({
      name: span.kernel,
      cat: span.program,
      ph: "X",
      ts: (span.start - origin) / 1e3,
      dur: (span.end - span.start) / 1e3,
      pid: 1,
      tid: programs.indexOf(span.program) + 1,
      args: { flop: span.flop, bytes: span.bytes },
    })),
  };
}
