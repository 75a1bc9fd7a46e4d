/** What the panels of the page share: what is open, what is chosen, what runs. Each listens to what it shows. */
import type { Round, Scene } from "./messages.ts";

/** An unlearning, under way or done. */
export interface Run {
  readonly id: number;
  readonly method: string;
  /** Places of the images to forget, ascending; its answers are in this order. */
  readonly gone: Uint32Array<ArrayBuffer>;
  readonly rounds: readonly Round[];
}

/** A round of a run, and the run beside it. */
export interface Shown {
  readonly run: number;
  readonly round: number;
  readonly beside: number | undefined;
}

/** What there is. A value is replaced, never changed. */
export interface State {
  readonly scene: Scene | undefined;
  /** Places of the images that are chosen. */
  readonly chosen: ReadonlySet<number>;
  /** The engine works: what it works with must not change. */
  readonly working: boolean;
  readonly run: Run | undefined;
  /** What is looked at. */
  readonly shown: Shown | undefined;
}

const listeners: { names: readonly (keyof State)[]; listener: () => void }[] = [];
let now: State = {
  scene: undefined,
  chosen: new Set(),
  working: false,
  run: undefined,
  shown: undefined,
};

export function state(): State {
  return now;
}

/** Calls `listener` after each change of any of the named, in the order of registration. */
export function onChange(names: readonly (keyof State)[], listener: () => void): void {
  listeners.push({ names, listener });
}

/** Replaces values, and tells those who listen to any of them. */
export function change(values: Partial<State>): void {
  now = { ...now, ...values };
  const changed = new Set(Object.keys(values));
  for (const { names, listener } of listeners)
    if (names.some((name) => changed.has(name))) listener();
}
