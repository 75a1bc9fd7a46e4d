/** Stands for `uvu` in a page: keeps the tests of the files that are imported, to be run one after the other. */

/** Tests in the order of the files. */
export const tests: { readonly name: string; readonly run: () => Promise<void> | void }[] = [];

export function test(name: string, run: () => Promise<void> | void): void {
  tests.push({ name, run });
}
test.run = (): void => undefined;
// The page ends with its devices.
test.after = (): void => undefined;
