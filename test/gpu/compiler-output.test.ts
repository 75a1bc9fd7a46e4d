import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { detectRuntime } from "../../src/platform/runtime.ts";
import { mark } from "./dump-shaders.ts";

/** What Dawn's compiler added to a kernel to keep it in bounds and finite. */
interface Additions {
  /** Indices into workgroup and local arrays that are clamped, because it could not prove them inside. */
  readonly clamps: number;
  /** Loops that count their rounds, because it could not prove that they end. */
  readonly guards: number;
}

/** Counts additions in the disassembly of a SPIR-V module. */
function additions(spirv: string): Additions {
  const ids = (pattern: RegExp): Set<string> =>
    new Set([...spirv.matchAll(pattern)].map(([, id]) => id!));
  const pointers = ids(/(%\S+) = OpTypePointer (?:Workgroup|Function|Private)\b/g);
  const minima = ids(/(%\S+) = OpExtInst %uint \S+ UMin\b/g);
  const accesses = [...spirv.matchAll(/ = OpAccessChain (%\S+) %\S+ (.+)/g)];
  const clamped = accesses.filter(
    ([, type, indices]) =>
      pointers.has(type!) && indices!.split(/\s+/).some((index) => minima.has(index)),
  );
  // A guard is a 64-bit counter, kept as two words that are compared with zero or their maximum together.
  const guards = [...spirv.matchAll(/ = OpIEqual %v2bool /g)];
  return { clamps: clamped.length, guards: guards.length };
}

/** Additions of every kernel that dump-shaders.ts compiles, under its name. */
async function dump(): Promise<{ name: string; kernel: string; additions: Additions }[]> {
  const script = fileURLToPath(new URL("dump-shaders.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script], {
    maxBuffer: 2 ** 26,
  });
  return stdout
    .split(`${mark} `)
    .slice(1)
    .filter((section) => section.includes("OpCapability"))
    .map((section) => {
      const [, name, kernel] = /^(\w+): (.+)/.exec(section) as unknown as [string, string, string];
      return { name, kernel, additions: additions(section.slice(section.indexOf("OpCapability"))) };
    });
}

/**
 * The most that hot kernels may have of each. A clamp costs an instruction an access and keeps the driver from
 * folding offsets into the load; a guard costs five instructions a round.
 */
const most: Readonly<Record<string, Additions>> = {
  product: { clamps: 0, guards: 0 },
  depthwise: { clamps: 0, guards: 2 },
  attention: { clamps: 0, guards: 0 },
  reduce: { clamps: 0, guards: 0 },
  pool: { clamps: 0, guards: 2 },
  norm: { clamps: 0, guards: 3 },
  invwnn: { clamps: 0, guards: 0 },
};

test("hot kernels keep their bounds checks and loop guards few", async () => {
  if (detectRuntime() !== "node") {
    console.log("skipped: only Dawn, on Node, prints what its compiler makes of a kernel");
    return;
  }
  const kernels = await dump();
  assert.equal([...new Set(kernels.map(({ name }) => name))].sort(), Object.keys(most).sort());
  for (const { name, kernel, additions: found } of kernels) {
    const allowed = most[name]!;
    assert.ok(
      found.clamps <= allowed.clamps && found.guards <= allowed.guards,
      `${name} (${kernel}): ${found.clamps} clamps and ${found.guards} guards, at most ` +
        `${allowed.clamps} and ${allowed.guards} are allowed`,
    );
  }
  // Nothing but what is needed is allowed: a kernel that got better lowers the number.
  for (const [name, allowed] of Object.entries(most)) {
    const found = kernels
      .filter((kernel) => kernel.name === name)
      .map((kernel) => kernel.additions);
    assert.is(Math.max(...found.map(({ clamps }) => clamps)), allowed.clamps, `clamps of ${name}`);
    assert.is(Math.max(...found.map(({ guards }) => guards)), allowed.guards, `guards of ${name}`);
  }
});

test("clamps and guards are found in SPIR-V", () => {
  const spirv = [
    "%1 = OpTypePointer Workgroup %v4float",
    "%2 = OpTypePointer StorageBuffer %v4float",
    "%3 = OpExtInst %uint %9 UMin %8 %uint_7",
    "%4 = OpAccessChain %1 %tile %3",
    "%5 = OpAccessChain %1 %tile %8",
    "%6 = OpAccessChain %2 %a %uint_0 %3",
    "%7 = OpIEqual %v2bool %10 %11",
  ].join("\n");
  assert.equal(additions(spirv), { clamps: 1, guards: 1 });
});

test.run();
