/**
 * Loaded before anything else in a test process on Node: makes waiting for the GPU cheap.
 *
 * While a promise of the GPU is pending, Dawn's binding asks for finished work in a loop over the global
 * `setImmediate`, as fast as the processor goes. On two cores with a software adapter that loop takes
 * the time which the shader compiler needs. Here a loop that has turned twenty times without a pause
 * turns once a millisecond. What is asked for first still runs first.
 */
const immediate = globalThis.setImmediate;
let turns = 0;
let last = 0;
/** What waits for the millisecond to pass. */
let waiting = [];

function go() {
  const now = waiting;
  waiting = [];
  for (const callback of now) callback();
}

globalThis.setImmediate = Object.assign((callback, ...words) => {
  const now = performance.now();
  turns = now - last > 5 ? 0 : turns + 1;
  last = now;
  if (turns < 20 && waiting.length === 0) return immediate(callback, ...words);
  // By an immediate again: one that was asked for before may still be due.
  if (waiting.length === 0) setTimeout(() => immediate(go), 1);
  waiting.push(() => callback(...words));
  return undefined;
}, immediate);
