/** What a module can reach outside itself, from its syntax: what it imports, and the names by which code and networks are reached. */
import { parseAst } from "vite";

/** What a module reaches. */
export interface Reach {
  /** Modules that are imported, resolved, exported from or only named in a type. */
  readonly modules: readonly string[];
  /** Of these, those that are loaded before it: what it imports as it runs, and types, are not among them. */
  readonly before: readonly string[];
  /** Imports of what is only known when they run. */
  readonly computedImports: number;
  /** Of {@link reaching}, those that stand anywhere: as a variable, as a property, or as a property's quoted name. */
  readonly names: readonly string[];
}

/** Names that make code of text, open connections, start processes, or find another way to these. */
export const reaching: ReadonlySet<string> = new Set([
  ...["eval", "Function", "GeneratorFunction", "AsyncFunction", "importScripts"],
  ...["require", "createRequire", "getBuiltinModule", "process.binding", "process.dlopen"],
  ...["fetch", "XMLHttpRequest", "WebSocket", "WebSocketStream", "EventSource", "WebTransport"],
  ...["RTCPeerConnection", "sendBeacon", "serviceWorker"],
  ...["Worker", "SharedWorker", "Deno", "Bun"],
]);

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

/** A text that stands in the source: of a template what stands before its first gap, which names the package. */
function literal(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === "Literal" && typeof node["value"] === "string") return node["value"];
  if (node.type !== "TemplateLiteral") return undefined;
  const [first] = node["quasis"] as { value: { cooked: string } }[];
  return first!.value.cooked === "" ? undefined : first!.value.cooked;
}

/** The name of a variable or a property that a node is or asks for; of `process`, with it. */
function nameOf({ type, computed, property, key, object, name }: Node): string | undefined {
  if (type === "Identifier") return name as string;
  const asked =
    computed === true ? literal(property ?? key) : (property as Node | undefined)?.["name"];
  if (typeof asked !== "string") return undefined;
  return isNode(object) && object["name"] === "process" ? `process.${asked}` : asked;
}

/** Reads a module of TypeScript or JavaScript. */
export function reachOf(text: string, language: "ts" | "js"): Reach {
  const modules = new Set<string>();
  const before = new Set<string>();
  const names = new Set<string>();
  let computedImports = 0;
  const visit = (node: Node): void => {
    const { type, source, callee } = node;
    if (/^(?:Import|Export(?:All|Named))Declaration$|^TSImportType$/.test(type)) {
      const name = literal(source);
      if (name !== undefined) modules.add(name);
      const kind = node["importKind"] ?? node["exportKind"];
      if (name !== undefined && type !== "TSImportType" && kind !== "type") before.add(name);
    }
    if (type === "ImportExpression") {
      const name = literal(source);
      if (name === undefined) computedImports++;
      else modules.add(name);
    }
    // import.meta.resolve(…) finds a file of a package.
    if (type === "CallExpression" && isNode(callee) && callee.type === "MemberExpression") {
      const { object, property: called } = callee as Node & { object: Node; property: Node };
      const name = literal((node["arguments"] as unknown[])[0]);
      if (object.type === "MetaProperty" && called["name"] === "resolve" && name !== undefined) {
        modules.add(name);
      }
      // Every function leads to the one that makes functions of text.
      if (called["name"] === "constructor") names.add("constructor()");
    }
    const name = nameOf(node);
    if (name !== undefined && reaching.has(name)) names.add(name);
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) value.filter(isNode).forEach(visit);
      else if (isNode(value)) visit(value);
    }
  };
  visit(parseAst(text, { lang: language }) as unknown as Node);
  return { modules: [...modules], before: [...before], computedImports, names: [...names] };
}

/** The package that a module belongs to; undefined for a file of one's own, and for what a runtime has. */
export function packageOf(module: string): string | undefined {
  return /^(?:@[^/]+\/)?[^./#@:][^/:]*(?=\/|$)/.exec(module)?.[0];
}

/** Why a module may reach what others may not. */
interface Allowed extends Partial<Omit<Reach, "modules" | "before">> {
  /** Modules of the runtime. */
  readonly builtIns?: readonly string[];
  readonly why: string;
}

/** Modules of the package that reach outside it, by their paths without an ending. No other may. */
export const allowed: Readonly<Record<string, Allowed>> = {
  "src/cli/dashboard": {
    names: ["fetch"],
    why: "`rewind dashboard` answers browsers; `fetch` is what its server calls the function that answers",
  },
  "src/cli/model-file": {
    computedImports: 1,
    why: "the module that the user names after --model, which is the user's own program",
  },
  "src/cli/setup": {
    builtIns: ["node:child_process", "node:fs", "node:url"],
    why: "`npm run setup` in a clone: installs a Vulkan driver by the system's packages; nothing imports it",
  },
  "src/cli/worker": {
    builtIns: ["node:child_process"],
    why: "`rewind worker` starts one process of its own, which has the device",
  },
  "src/cli/worker-metrics": {
    builtIns: ["node:http"],
    why: "`rewind worker --metrics` answers Prometheus",
  },
  "src/data/fetch": { names: ["fetch"], why: "`rewind fetch`" },
  "src/platform/files": {
    names: ["fetch"],
    why: "the package's own files where they have an address: in browsers, and on Deno from JSR",
  },
  "src/platform/native-errors": {
    builtIns: ["node:fs", "node:os", "node:path", "node:tty", "node:worker_threads"],
    why: "what native code prints goes to a file of its own while Dawn looks for adapters",
  },
  "src/platform/node": {
    builtIns: [
      ...["node:crypto", "node:fs", "node:fs/promises", "node:os", "node:path"],
      "node:worker_threads",
    ],
    names: ["Worker", "eval"],
    why: "files, threads and Dawn; a thread from a TypeScript module starts with two imports as text",
  },
  "src/platform/runtime": { names: ["Deno"], why: "asks only whether it is there" },
  "src/queue/bucket": {
    names: ["fetch"],
    why: "the bucket that --store names, by signed requests of aws4fetch",
  },
  "src/queue/connection": {
    names: ["Worker"],
    why: "the connection to the Redis that --queue names, by ioredis and BullMQ, whose class has that name",
  },
};

/** What modules reach outside the package, in the form of {@link allowed}; `modules` has their texts by their paths. */
export function reachedBy(modules: ReadonlyMap<string, string>): Record<string, unknown> {
  const reached: Record<string, unknown> = {};
  for (const [path, text] of modules) {
    const {
      modules: named,
      computedImports,
      names,
    } = reachOf(text, path.endsWith(".ts") ? "ts" : "js");
    const builtIns = named.filter((module) => module.startsWith("node:"));
    if (builtIns.length + computedImports + names.length === 0) continue;
    reached[path.replace(/\.m?[jt]s$/, "")] = outside(builtIns, computedImports, names);
  }
  return reached;
}

const outside = (
  builtIns: readonly string[] = [],
  computedImports = 0,
  names: readonly string[] = [],
) => ({ builtIns: [...builtIns].sort(), computedImports, names: [...names].sort() });

/** What {@link reachedBy} gives for a package that reaches what it may. */
export const allowedReach: Record<string, unknown> = Object.fromEntries(
  Object.entries(allowed).map(([path, one]) => [
    path,
    outside(one.builtIns, one.computedImports, one.names),
  ]),
);
