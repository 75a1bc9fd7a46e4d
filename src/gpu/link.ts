/**
 * The linker: joins the `.wgsl` parts of a kernel into one text.
 *
 * WGSL lets declarations at module scope stand in any order, so linking is joining texts. A part names
 * the parts that it calls in lines of its own, `//! import tile/product-gpu`; a launch adds the parts that it
 * chooses (scalar or vec4 lanes, a tile, a formula). `//! needs name, name` says what a part calls without
 * importing it: whoever picks the part has to pick another one that declares these names. `//! part` in
 * line 1 marks a file that cannot stand alone. `//! twin matrix/emulated` names the part that reflection reads in its
 * place, with the same bindings, where a file is of a dialect that the reader does not know.
 */
import { shaderText } from "#shaders";
import { UsageError } from "../errors.ts";

/** A linked text, and where its lines come from. */
export interface Linked {
  readonly code: string;
  /** Every file in the text, in order, as paths under `shaders/` without `.wgsl`. */
  readonly files: readonly string[];
  /** The file and line that a line of the text (both from 1) was taken from. */
  origin(line: number): { readonly file: string; readonly line: number };
}

/** A name for the text in front of all files: the constants of a specialisation. */
const constantsFile = "constants";

/** Texts of the shader files, cached for the process. */
const sources = new Map<string, Promise<string>>();

/** Texts that are no files. */
const registered = new Map<string, string>();

/**
 * A text without its block comments, which may stand in each other, and without `//` comments where these are not
 * kept; lines stay where they are.
 */
function withoutComments(text: string, keepLines: boolean): string {
  const marks = /\/\/|\/\*|\*\//g;
  let depth = 0;
  let from = 0;
  let left = "";
  const take = (end: number, kept: boolean): void => {
    const part = text.slice(from, end);
    left += kept ? part : part.replaceAll(/[^\n]/g, " ");
    from = end;
  };
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    take(mark.index, depth === 0);
    if (mark[0] === "/*") depth++;
    if (mark[0] === "//" && depth === 0) {
      const end = text.indexOf("\n", from);
      take(end < 0 ? text.length : end, keepLines);
    } else take(from + 2, false);
    if (mark[0] === "*/") depth = Math.max(0, depth - 1);
    marks.lastIndex = from;
  }
  take(text.length, depth === 0);
  return left;
}

/** The WGSL text of `shaders/<file>.wgsl`, or of a text that was registered. @throws UsageError if there is no such file. */
export function shaderSource(file: string): Promise<string> {
  let text = sources.get(file);
  if (text === undefined) {
    text = shaderText(file).catch((cause: unknown) => {
      sources.delete(file);
      throw new UsageError(
        `no shader part "${file}" (${(cause as Error).message}); parts are named by their path under shaders/ ` +
          "without .wgsl, or as they were registered.",
        { cause },
      );
    });
    sources.set(file, text);
  }
  return text;
}

/**
 * Makes a kernel from outside known: launches and parts name it like a file under `shaders/`. It may import the parts
 * there.
 *
 * @param name such as `own/softsign`; it begins with `own/`, so that it is no file's.
 * @param text WGSL, with `//!` lines as in the files.
 * @throws UsageError for another beginning, and if the name is taken by another text.
 */
export function registerShader(name: string, text: string): void {
  if (!/^own\/[\w/-]+$/.test(name)) {
    throw new UsageError(
      `shader "${name}": names of texts begin with own/, and have letters, digits, _, - and / after it.`,
    );
  }
  if ((registered.get(name) ?? text) !== text) {
    throw new UsageError(`there is a shader "${name}" already; choose another name.`);
  }
  registered.set(name, text);
  sources.set(name, Promise.resolve(text));
}

/** The names after `//! word` lines of a text. */
function directive(text: string, word: "import" | "needs" | "twin"): string[] {
  const lines = text.matchAll(new RegExp(`^//! ${word} +(.+)$`, "gm"));
  return [...lines].flatMap(([, names]) => names!.split(/[\s,]+/).filter((name) => name !== ""));
}

/**
 * A slip would be passed over otherwise.
 *
 * @throws UsageError for a directive that does not begin its line, or that the linker does not know.
 */
function requireDirectives(name: string, text: string): void {
  const meant = /^.*\/\/ *! *(?:part|import|needs|twin)\b.*$|^\/\/!.*$/gm;
  const known = /^\/\/! (?:part *$|(?:import|needs|twin) +[\w/-])/;
  const wrong = text.match(meant)?.find((line) => !known.test(line));
  if (wrong !== undefined) {
    throw new UsageError(
      `shader ${name}: "${wrong.trim()}" is none of //! part, //! import NAME, …, //! needs NAME, … and //! twin NAME`,
    );
  }
}

/** Names that a text declares at module scope. */
export function declaredNames(text: string): string[] {
  let depth = 0;
  let outside = "";
  for (const part of withoutComments(text, false).split(/([{}()])/)) {
    if (part === "}" || part === ")") depth--;
    if (depth === 0) outside += part;
    if (part === "{" || part === "(") depth++;
  }
  const declaration = /\b(?:const|override|alias|struct|fn|var(?:<[^>]*>)?)\s+(\w+)/g;
  return [...outside.matchAll(declaration)].map(([, name]) => name!);
}

/**
 * Joins a file, the parts a launch chose and everything they import, each once.
 *
 * @param file path under `shaders/` without `.wgsl`.
 * @param parts further files, in front of the first.
 * @param head text in front of all: the constants of the specialisation.
 * @param source where texts come from; tests give their own.
 * @throws UsageError if a name is declared twice (naming both files), if a name that a part needs is declared
 *   by none, or if a `//!` line is unknown.
 */
export async function link(
  file: string,
  parts: readonly string[] = [],
  head = "",
  source: (file: string) => Promise<string> = shaderSource,
): Promise<Linked> {
  const texts = new Map<string, string>();
  const seen = new Set<string>();
  const add = async (name: string): Promise<void> => {
    if (seen.has(name)) return;
    seen.add(name);
    const text = (await source(name)).replace(/^\u{feff}/u, "");
    const code = withoutComments(text, true);
    requireDirectives(name, code);
    for (const imported of directive(code, "import")) await add(imported);
    texts.set(name, text.endsWith("\n") ? text : `${text}\n`);
  };
  for (const name of [...parts, file]) await add(name);

  const owner = new Map<string, string>();
  for (const [name, text] of [[constantsFile, head] as const, ...texts]) {
    for (const declared of declaredNames(text)) {
      const other = owner.get(declared);
      if (other !== undefined) {
        const where = other === name ? `twice by ${name}` : `by ${other} and by ${name}`;
        throw new UsageError(
          `kernel ${file}: "${declared}" is declared ${where}; rename one of them.`,
        );
      }
      owner.set(declared, name);
    }
  }
  for (const [name, text] of texts) {
    const missing = directive(withoutComments(text, true), "needs").filter(
      (needed) => !owner.has(needed),
    );
    if (missing.length > 0) {
      throw new UsageError(
        `kernel ${file}: part ${name} needs ${missing.map((one) => `"${one}"`).join(", ")}, which none of ` +
          `${[...texts.keys()].join(", ")} declares.`,
      );
    }
  }
  const { enabled, bare } = enables(texts);
  const starts: { readonly file: string; readonly first: number }[] = [];
  let line = 1 + enabled.length;
  for (const [name, text] of [[constantsFile, head] as const, ...bare]) {
    starts.push({ file: name, first: line });
    line += text.split("\n").length - 1;
  }
  return {
    code: [...enabled.map((one) => `${one}\n`), head, ...bare.values()].join(""),
    files: [...texts.keys()],
    origin(at) {
      const start = starts.findLast(({ first }) => first <= at) ?? starts[0]!;
      return { file: start.file, line: at - start.first + 1 };
    },
  };
}

/** Directives of texts, which have to stand before all declarations, and the texts without them, line for line. */
function enables(texts: ReadonlyMap<string, string>): {
  readonly enabled: readonly string[];
  readonly bare: ReadonlyMap<string, string>;
} {
  const directives = /^enable [\w, ]+;$/gm;
  const enabled = new Set<string>();
  const bare = new Map<string, string>();
  for (const [name, text] of texts) {
    for (const [found] of text.matchAll(directives)) enabled.add(found);
    bare.set(name, text.replaceAll(directives, ""));
  }
  return { enabled: [...enabled], bare };
}

/** The parts that reflection reads in place of those that a launch chose. */
export function twinsOf(parts: readonly string[] = []): Promise<string[]> {
  return Promise.all(
    parts.map(async (part) => directive(await shaderSource(part), "twin")[0] ?? part),
  );
}
