/** The version of the package, from its package.json. */
import { host } from "#platform";

/** The version, or "unknown" where the file is not there. */
export async function packageVersion(): Promise<string> {
  return (await host.version?.()) ?? "unknown";
}
