/** All tasks, by what networks are for. */
import type { NetworkTask } from "../../models/network.ts";
import { UsageError } from "../errors.ts";
import { classification } from "./classification.ts";
import { diffusion } from "./diffusion.ts";
import type { Task } from "./task.ts";

const tasks: Readonly<Record<NetworkTask, Task>> = {
  classification: classification as Task,
  diffusion: diffusion as Task,
};

/** The task of a name. @throws UsageError if there is none. */
export function taskNamed(name: string): Task {
  if (name in tasks) return tasks[name as NetworkTask];
  throw new UsageError(
    `there is no task "${name}": networks are for ${Object.keys(tasks).join(" or ")}.`,
  );
}
