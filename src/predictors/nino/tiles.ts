/** NiNo's MLP on a trajectory: tile after tile of weights through the same buffers. */
import { Graph } from "../../graph/graph.ts";
import { compile, type Program } from "../../graph/program.ts";
import type { Launch } from "../../graph/value.ts";
import type { Owned } from "../../gpu/owned.ts";
import { type NinoNetwork, rowWidth } from "./network.ts";
import { type Forecast, rowsLaunch } from "./rows.ts";

/** Weights of a tile. */
export const tileRows = 16_384;

/** The steps of a forecast, the network's program among them, which `owned` takes over. */
export async function tileSteps(
  network: NinoNetwork,
  forecast: Forecast,
  owned: Owned,
): Promise<(Launch | Program)[]> {
  const { place, parts, blocks } = forecast;
  const { bound, predicted } = place;
  const { gpu } = place.trajectory;
  const graph = new Graph(gpu.tuning);
  const rows = await bound.zeros(gpu, "rows", [blocks[0]!.count, rowWidth("mlp")]);
  graph.adopt(rows);
  const { output, bindings } = network.mlp(rows);
  const program = owned.add(
    await compile(gpu, graph.forward(), {
      label: "NiNo",
      bindings: bindings.set(rows, bound.at(rows)),
      keep: [output],
    }),
  );
  const outputs = bound.view("outputs", program.view(output));
  return blocks.flatMap((block) => {
    const runs = parts.flatMap((part) => {
      const start = part.tensor.firstEdge + part.piece.inSlot;
      const from = Math.max(0, block.first - start);
      const to = Math.min(part.piece.length, block.first + block.count - start);
      return from < to ? [{ part, from, to }] : [];
    });
    return [
      ...runs.map((run) => rowsLaunch(forecast, run, block, { rows })),
      program,
      ...runs.map((run) =>
        rowsLaunch(forecast, run, block, { outputs, predicted: predicted[run.part.chunk]! }),
      ),
    ];
  });
}
