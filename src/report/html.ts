/** HTML by tagged templates: every text is escaped but what is HTML already. */

/** A piece of HTML. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What stands between the texts of a template; nothing for undefined. */
export type Part = Html | string | number | undefined | readonly Part[];

/**
 * A text as it is shown: signs that are none, or that turn the direction of what follows them, by their numbers, so that
 * a name looks like what it is.
 */
export function visible(text: string): string {
  return text
    .replaceAll(/\p{Surrogate}/gu, "\u{FFFD}")
    .replaceAll(/[\p{Cc}\p{Bidi_Control}\p{Noncharacter_Code_Point}]/gu, (sign) =>
      /\s/.test(sign)
        ? " "
        : `\u27E8U+${sign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}\u27E9`,
    );
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A text as it stands in HTML, in attributes as well. */
function escaped(text: string): string {
  return visible(text).replaceAll(/[&<>"']/g, (sign) => entities[sign]!);
}

function textOf(part: Part): string {
  if (part === undefined) return "";
  if (part instanceof Html) return part.text;
  return typeof part === "object" ? part.map(textOf).join("") : escaped(String(part));
}

/** HTML with parts put in; attributes stand in double quotes. Not called `html`: formatters rewrite templates of that name. */
export function markup(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(texts.map((text, i) => text + textOf(parts[i])).join(""));
}

/** A name that somebody gave, kept apart from the direction of what is around it. */
export function named(name: string): Html {
  return markup`<bdi>${name}</bdi>`;
}

/** A file's name as {@link named}, which is broken, if at all, after a slash or in front of another sign between words. */
export function fileNamed(name: string): Html {
  const pieces = name.split(/(?<=\/)|(?=[-._])/);
  return markup`<bdi>${pieces.map((piece, i) => (i === 0 ? piece : markup`<wbr>${piece}`))}</bdi>`;
}
