/**
 * Orders what overlaps: an operation on a range waits for every earlier one on an overlapping range, running
 * or waiting, and for no other. Only earlier ones are waited for, so there is no deadlock. Meant for the few
 * dozen requests that are in flight at a time.
 */
export class RangeLock {
  readonly #held = new Set<Held>();

  /** Runs `operation` when nothing earlier overlaps `[first, end)` any more. An operation's failure does not hold up the next. */
  async run<T>(first: number, end: number, operation: () => Promise<T>): Promise<T> {
    const earlier: Promise<void>[] = [];
    for (const held of this.#held) if (held.first < end && first < held.end) earlier.push(held.done);
    const { promise, resolve } = Promise.withResolvers<void>();
    const mine: Held = { first, end, done: promise };
    this.#held.add(mine);
    try {
      if (earlier.length > 0) await Promise.all(earlier);
      return await operation();
    } finally {
      this.#held.delete(mine);
      resolve();
    }
  }
}

interface Held {
  first: number;
  end: number;
  done: Promise<void>;
}
