/**
 * Loaded before anything else in a test process on Node: makes waiting for the GPU cheap.
 *
 * While a promise of the GPU is pending, Dawn's binding asks for finished work in a loop over the global
 * `setImmediate`, as fast as the processor goes. On two cores with a software adapter that loop takes
 * the time which the shader compiler needs. Here a loop that has turned twenty times without a pause
 * turns once a millisecond.
 */
const immediate = globalThis.setImmediate;
let turns = 0;
let last = 0;

globalThis.setImmediate = Object.assign((callback, ...words) => {
  const now = performance.now();
  turns = now - last > 5 ? 0 : turns + 1;
  last = now;
  return turns < 20 ? immediate(callback, ...words) : setTimeout(() => callback(...words), 1);
}, immediate);
