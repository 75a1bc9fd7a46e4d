/**
 * What a runtime has that others lack. `#platform` (package.json) is the module of the runtime: node.ts on Node and
 * Deno, browser.ts elsewhere, so that a bundle for browsers reaches nothing of Node's.
 */

/** The file system; errors are the runtime's own. */
export interface HostFiles {
  readBytes(path: string | URL): Promise<Uint8Array<ArrayBuffer>>;
  /** The first bytes: `count`, or all there are. */
  readHead(path: string, count: number): Uint8Array<ArrayBuffer>;
  info(path: string): Promise<{ size: number; modified: number; directory: boolean }>;
  /** Names, sorted. */
  list(path: string): Promise<string[]>;
  /** `mode` is that of the folders it makes: 0o777 where absent, less what the process masks. */
  makeDir(path: string, mode?: number): Promise<void>;
  /**
   * Makes a file that must not exist, not even as a link, and flushes it to the disk, so that a rename after it never
   * exposes a part of the file. `mode`: 0o666 where absent, less what the process masks.
   */
  createFlushed(path: string, data: Uint8Array | string, mode?: number): Promise<void>;
  /** Appends all of it or, where that fails, nothing. */
  append(path: string, data: Uint8Array | string): Promise<void>;
  /** Sets the time of the last change to now. */
  touch(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** The path from the root; what is relative starts at the working folder. */
  absolute(path: string): string;
  /** The way from a folder to a path, both absolute. */
  relative(folder: string, path: string): string;
}

/** A process, for those that must know whether it still runs. */
export interface ProcessId {
  /** The machine, boot and process namespace: within one of them, numbers mean the same. */
  readonly place: string;
  /** What people call the machine. */
  readonly machine: string;
  readonly number: number;
  /** When it started, where the system says: numbers are used again. */
  readonly started?: string | undefined;
}

/** Processes of this machine. */
export interface HostProcesses {
  readonly own: ProcessId;
  /** Whether a process of the same place still runs; undefined where this one may not know. */
  runs(process: ProcessId): boolean | undefined;
}

/** What a thread answers; `move`: buffers handed over instead of copied. */
export interface Answer {
  readonly answer: unknown;
  readonly move?: readonly ArrayBuffer[];
}

/** Threads that answer messages. */
export interface HostThreads {
  /** Processor cores this process may use. */
  cores(): number;
  /** Starts a thread; `fail` is also called when it ends. */
  open(
    url: URL,
    listeners: { answer: (message: unknown) => void; fail: (error: Error) => void },
  ): { post: (message: unknown) => void; end: () => void };
  /** Answers the messages of the thread that started this one. */
  serve(work: (message: unknown) => Promise<Answer>): void;
}

/** What to do about a GPU that cannot be used, in sentences for the end of an error. */
export interface GpuAdvice {
  /** There is no adapter: goes on after a colon. */
  readonly missing: string;
  /** An adapter gave no device. */
  readonly refused: string;
  /** There is no memory for a buffer. */
  readonly memory: string;
  /** The device is gone. */
  readonly lost: string;
  /** The device reported an error of a kernel: goes on after "This is a bug in a kernel or its launch;". */
  readonly fault: string;
}

/** The runtime; absent is what it lacks. */
export interface Host {
  readonly files?: HostFiles;
  /** Bytes that the images of a set may take, where more would end the process; absent: as many as an array holds. */
  readonly mostImageBytes?: number;
  readonly threads?: HostThreads;
  readonly processes?: HostProcesses;
  /** The MD5 of bytes as 32 hexadecimal digits. */
  readonly md5?: (bytes: Uint8Array) => string;
  /** A variable of the environment. */
  readonly variable?: (name: string) => string | undefined;
  /** The version of the package, which pins those of its dependencies. */
  readonly version?: () => Promise<string>;
  /** Where a terminal's is of no use. */
  readonly gpuAdvice?: GpuAdvice;
  /** Makes a WebGPU entry object where none is built in, and the globals that go with it. */
  readonly createGpu?: (options: readonly string[]) => Promise<GPU>;
  /** Calls a function, and does not show lines that native code prints meanwhile. */
  readonly withoutLines?: <T>(hidden: RegExp, call: () => T) => T;
}
