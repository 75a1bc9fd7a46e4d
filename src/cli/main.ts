#!/usr/bin/env node
/** The command line, as a process. */
import { closeAll } from "./device-options.ts";
import { runCommand } from "./program.ts";

const code = await runCommand(process.argv.slice(2));
closeAll();
// Dawn's Node binding can keep the process alive or crash while it is torn down: leave explicitly,
// after the output is flushed.
process.stdout.write("", () => process.exit(code));
