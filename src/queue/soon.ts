/** Waits for a queue no longer than it is of use: what is asked of a connection that is lost waits until it is back. */

/** What a promise gives, or undefined after some milliseconds. */
export async function soon<T>(asked: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
    // It may still fail when nobody listens any more.
    asked.catch(() => undefined);
  }
}
