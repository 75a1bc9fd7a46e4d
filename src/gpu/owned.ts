/** Something that owns GPU memory until it is destroyed. */
export interface Owner {
  destroy(): void;
}

/** Parts that own GPU memory and are freed together, the last first. */
export class Owned implements Owner {
  readonly #parts: Owner[] = [];

  /** Does `make`, and frees what it had added where it fails. */
  static async during<T>(make: (owned: Owned) => Promise<T>): Promise<T> {
    const owned = new Owned();
    try {
      return await make(owned);
    } catch (cause) {
      owned.destroy();
      throw cause;
    }
  }

  /** Does `work`, and frees what it added however it ends. */
  static async within<T>(work: (owned: Owned) => Promise<T>): Promise<T> {
    const owned = new Owned();
    try {
      return await work(owned);
    } finally {
      owned.destroy();
    }
  }

  /** Takes over a part. */
  add<T extends Owner>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  /** Frees all parts; a second time it does nothing. */
  destroy(): void {
    for (const part of this.#parts.splice(0).toReversed()) part.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
