/** The roads of the lab: small kernels from the naive one on, each with what was changed and why. */

/** A kernel on the way. */
export interface Step {
  /** Its file below the road's folder, without `.wgsl`. */
  readonly file: string;
  /** What is new in it. */
  readonly change: string;
  /** Rows and columns of the result that a workgroup makes. */
  readonly tile: readonly [rows: number, columns: number];
}

/** An operation and the kernels on the way to the engine's. */
export interface Road {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** c = a b of n×n matrices, n a multiple of 128: whole tiles only, so that nothing hides the idea. */
export const matmulRoad: Road = {
  name: "matmul",
  steps: [
    { file: "1-one-result", change: "a lane makes one result", tile: [16, 16] },
    { file: "2-shared-tile", change: "lanes share tiles in workgroup memory", tile: [16, 16] },
    { file: "3-four-columns", change: "four columns a lane, read as vec4", tile: [16, 64] },
    { file: "4-four-by-four", change: "4×4 results a lane, in registers", tile: [16, 64] },
    { file: "5-eight-by-sixteen", change: "8×16 results a lane", tile: [64, 64] },
    { file: "6-shared-four-by-four", change: "shared tiles, 4×4 results a lane", tile: [64, 64] },
    {
      file: "7-shared-eight-by-eight",
      change: "shared tiles, 8×8 results a lane",
      tile: [128, 128],
    },
  ],
};
