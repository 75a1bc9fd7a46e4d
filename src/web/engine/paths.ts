/** What people brought, as they know it: without the folders that the page holds it in, and settings as the page calls them. */

/** What the page calls the settings that messages of the library name. */
const fields: Readonly<Record<string, string>> = {
  model: "Architecture",
  preprocessing: "Images are prepared",
  size: "Side",
  trainCount: "To learn, at most",
  testCount: "To test on, at most",
};

/** Does work on files below a folder; what goes wrong is told in the words of who brought them. */
export async function told<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    // What is stopped says nothing of files, and a DOMException cannot be changed.
    if (!(cause instanceof Error) || cause instanceof DOMException) throw cause;
    cause.message = cause.message
      .replaceAll(`${root}/`, "")
      .replaceAll(root, "the files")
      .replaceAll(/`(\w+)(?:=[^`]*)?`/g, (whole, name: string) =>
        fields[name] === undefined ? whole : `“${fields[name]}”`,
      );
    throw cause;
  }
}
