#!/usr/bin/env node
/** The command line, as a process. */
import { closeAll } from "./device-options.ts";
import { runCommand } from "./program.ts";

// `npm run rewind` starts at the package's root: files belong where its user stands.
const { INIT_CWD: stands, npm_lifecycle_event: script = "" } = process.env;
if (stands !== undefined && ["rewind", "demo"].includes(script)) process.chdir(stands);

const code = await runCommand(process.argv.slice(2));
closeAll();
// Dawn's Node binding can keep the process alive or crash while it is torn down: leave explicitly,
// after the output is flushed. A command that ended well may have said another code itself.
process.stdout.write("", () => process.exit(code === 0 ? process.exitCode : code));
