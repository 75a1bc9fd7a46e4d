/** What the files under shaders/ say they need is what their code uses. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { declaredNames, shaderSource } from "../../src/gpu/link.ts";

/** Words of the language, its types and its functions, as far as the shaders use them. */
const language = new Set(
  (
    "alias break const const_assert else false fn for if let return struct true var " +
    "private read read_write storage uniform workgroup " +
    "array atomic bool f32 i32 u32 mat4x4f vec2f vec2u vec3f vec3u vec4 vec4f vec4u " +
    "abs all any atomicAdd atomicLoad atomicOr atomicStore bitcast clamp cos dot exp firstTrailingBit " +
    "floor fma log max min mix pack2x16float radians round select sign sin sqrt transpose " +
    "unpack2x16float workgroupBarrier"
  ).split(" "),
);

/** Those of matrix units, which a file with a twin for other compilers uses. */
const matrixUnits = new Set(
  (
    "f16 subgroup_matrix_left subgroup_matrix_right subgroup_matrix_result row_major col_major subgroupMatrixLoad " +
    "subgroupMatrixStore subgroupMatrixMultiplyAccumulate"
  ).split(" "),
);

/** A file's text, taken apart. */
interface Part {
  readonly imports: readonly string[];
  readonly needs: readonly string[];
  /** Whether another part stands in for it where a compiler does not know its dialect. */
  readonly twin: boolean;
  /** Names at module scope. */
  readonly declared: readonly string[];
  /** Names of parameters, members and variables anywhere in the file. */
  readonly local: ReadonlySet<string>;
  /** Every name in the code that does not follow a dot. */
  readonly used: ReadonlySet<string>;
  /** Names in the comments: constants of the prelude are documented there. */
  readonly documented: ReadonlySet<string>;
}

function take(text: string): Part {
  const list = (word: string): string[] =>
    [...text.matchAll(new RegExp(`^//! ${word} (.+)$`, "gm"))].flatMap(([, names]) =>
      names!.split(/[\s,]+/).filter((name) => name !== ""),
    );
  const code = text
    .replace(/\/\/.*|^enable .*/gm, "")
    .replace(/@(?:builtin|group|binding)\(\w+\)|@\w+/g, "");
  const comments = text.match(/\/\/ .*/g)?.join("\n") ?? "";
  const documented = new Set(comments.match(/[A-Za-z_]\w*/g));
  for (const [, name, first, last] of comments.matchAll(/\b([A-Z]+)(\d) to \1(\d)\b/g)) {
    for (let i = Number(first); i <= Number(last); i++) documented.add(`${name}${i}`);
  }
  const local = code.matchAll(/\b(?:let|var|const)\s+(\w+)|(\w+)\s*:/g);
  return {
    imports: list("import"),
    needs: list("needs"),
    twin: list("twin").length > 0,
    declared: declaredNames(text),
    local: new Set([...local].map(([, variable, member]) => variable ?? member!)),
    used: new Set(code.match(/(?<![\w.])[A-Za-z_]\w*/g)),
    documented,
  };
}

const folder = fileURLToPath(new URL("../../shaders", import.meta.url));
const parts = new Map<string, Part>();
for (const file of readdirSync(folder, { recursive: true }) as string[]) {
  const name = file.replace(/\.wgsl$/, "");
  if (name !== file) parts.set(name, take(await shaderSource(name)));
}

/** Other parts that a part brings along. */
function imported(name: string, seen = new Set<string>()): Part[] {
  return parts.get(name)!.imports.flatMap((one) => {
    if (seen.has(one)) return [];
    seen.add(one);
    return [parts.get(one)!, ...imported(one, seen)];
  });
}

test("a part needs only names that its code uses and that its imports do not declare", () => {
  const idle: string[] = [];
  for (const [name, part] of parts) {
    const declared = new Set([part, ...imported(name)].flatMap((one) => one.declared));
    for (const needed of part.needs) {
      if (!part.used.has(needed)) idle.push(`${name} does not use ${needed}`);
      if (declared.has(needed)) idle.push(`${name} has ${needed} already`);
    }
  }
  assert.equal(idle, []);
});

test("a name that a file uses is declared, imported, needed, or a constant that its head lists", () => {
  const unknown: string[] = [];
  for (const [name, part] of parts) {
    const all = [part, ...imported(name)];
    const known = new Set(all.flatMap(({ declared, needs }) => [...declared, ...needs]));
    for (const used of part.used) {
      if (language.has(used) || known.has(used) || part.local.has(used)) continue;
      if (part.twin && matrixUnits.has(used)) continue;
      const constant = /^[A-Z][A-Z0-9_]*$/.test(used);
      if (constant && all.some(({ documented }) => documented.has(used))) continue;
      unknown.push(`${name}: ${used}`);
    }
  }
  assert.equal(unknown, []);
});

test("names are found in code, and not in comments, attributes and members", () => {
  const part = take(
    [
      "//! needs Lane, formula",
      "// Constants: N, D1 to D3, K.",
      "@group(0) @binding(1) var<storage, read> x: array<Lane>;",
      "fn one(at: u32) -> Lane { // helper(at)",
      "  let y = formula(x[at]).member;",
      "  return y * N;",
      "}",
    ].join("\n"),
  );
  assert.equal(part.needs, ["Lane", "formula"]);
  assert.equal(part.declared, ["x", "one"]);
  assert.equal([...part.local], ["x", "at", "y"]);
  for (const name of ["Lane", "formula", "x", "at", "N"]) assert.ok(part.used.has(name), name);
  for (const name of ["helper", "binding", "member", "K"]) assert.not(part.used.has(name), name);
  for (const name of ["N", "D1", "D2", "D3", "K"]) assert.ok(part.documented.has(name), name);
});

test.run();
