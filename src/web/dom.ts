/** Elements of the page, and words that more than one panel shows. */

/** An element of the page. @throws where the page has none of this kind by that name. */
export function part<E extends HTMLElement>(id: string, kind: new () => E): E {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${kind.name} "${id}"`);
}

const error = part("error", HTMLElement);

/** Shows what went wrong, in words, and what can be done, and brings it into view. @param place where, if not beside what runs. */
export function fail(cause: unknown, place: HTMLElement = error): void {
  const message = cause instanceof Error ? cause.message : String(cause);
  // Names of files stay as they are.
  place.textContent = message.replace(/^[a-z](?=[a-z]* )/, (first) => first.toUpperCase());
  place.hidden = false;
  place.scrollIntoView({ block: "nearest" });
}

/** Takes away what {@link fail} shows. */
export function clearError(place: HTMLElement = error): void {
  place.hidden = true;
}

/** Takes away all that {@link fail} shows: something else begins. */
export function clearErrors(): void {
  for (const place of document.querySelectorAll<HTMLElement>(".error")) place.hidden = true;
}

/** "1 image", "7 images". */
export function images(count: number): string {
  return counted(count, "image");
}

/** "1 round", "7 rounds". */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/**
 * Says something with names that people gave, whatever way their letters run: what stands beside one keeps its place.
 *
 * @param words a text, with names in every second place.
 */
export function say(place: HTMLElement, ...words: readonly string[]): void {
  const parts = words.map((text, i) => {
    if (i % 2 === 0) return text;
    return Object.assign(document.createElement("bdi"), { textContent: text });
  });
  place.replaceChildren(...parts);
}

/** Offers bytes as a file to save. */
export function saveAs(bytes: Uint8Array<ArrayBuffer>, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
