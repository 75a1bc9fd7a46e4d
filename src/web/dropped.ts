/** Files that were chosen or dropped, with their paths. */
import type { GivenFile } from "./files.ts";

/** The files of an input; of a folder with their paths within it. */
export function chosenFiles({ files }: HTMLInputElement): GivenFile[] {
  return [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** All files below an entry. */
async function filesBelow(entry: FileSystemEntry): Promise<GivenFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const all: GivenFile[] = [];
  for (;;) {
    // A folder is listed in parts; the last is empty.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all;
    for (const inner of some) all.push(...(await filesBelow(inner)));
  }
}

/** The files of a drop, also those in folders. What it holds is only known until this returns a promise. */
export async function droppedFiles({ items }: DataTransfer): Promise<GivenFile[]> {
  const given = [...items]
    .filter(({ kind }) => kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const all: GivenFile[] = [];
  for (const { entry, file } of given) {
    if (entry !== null) all.push(...(await filesBelow(entry)));
    else if (file !== null) all.push({ path: file.name, file });
  }
  return all;
}
