/** What a device asks of a profiler, and the times it gives. */

/** What a profiler needs to know of a dispatch. */
export interface ProfiledDispatch {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly groups: readonly [number, number, number];
  readonly flop: number;
  readonly bytes: number;
}

/** One timed dispatch. Times in nanoseconds of the device's clock. */
export interface Span {
  readonly program: string;
  readonly kernel: string;
  /** Which of the program's timed replays, from 0. In the first, drivers compile what they left until then. */
  readonly replay: number;
  readonly start: number;
  readonly end: number;
  readonly flop: number;
  readonly bytes: number;
}

/** Times the replays of programs. */
export interface DispatchTimer {
  /** Whether the next replay of a program should be timed. */
  wants(program: string): boolean;
  /** Submits one timed replay. */
  run(program: string, dispatches: readonly ProfiledDispatch[]): void;
  /** Reads all timings taken so far. */
  collect(): Promise<Span[]>;
}
