/** What the command that runs has claimed, and the words that it was given. */
import { withoutPassword } from "../platform/address.ts";

/** What is given free in the end. */
interface Claimed {
  close(): Promise<void>;
}

const claimed: Claimed[] = [];
let given: readonly string[] = [];

/** Sets the words of the command that runs next: they are written into its folder. */
export function beginCommand(words: readonly string[]): void {
  const kept = words.filter((word) => !["--quiet", "--json"].includes(word));
  given = kept.map(withoutPassword);
}

/** Keeps a folder for {@link releaseFolders}; gives the words of the command. */
export function claim(folder: Claimed): readonly string[] {
  claimed.push(folder);
  return given;
}

/** Gives every folder of {@link claim} free. */
export async function releaseFolders(): Promise<void> {
  for (const folder of claimed.splice(0)) await folder.close();
}
