/**
 * Orders what overlaps: an operation on a range waits for every earlier one on an overlapping range, running
 * or waiting, and for no other. Only earlier ones are waited for, so there is no deadlock. Meant for the few
 * dozen requests that are in flight at a time.
 */
export class RangeLock {
  readonly #held = new Set<Held>();

  /**
   * Runs `operation` when nothing earlier overlaps `[first, end)` any more: at once, where nothing does. Gives what it
   * gives, which is no promise where it was done at once. An operation's failure does not hold up the next.
   */
  run<T>(first: number, end: number, operation: () => Promise<T> | T): Promise<T> | T {
    const earlier: Promise<void>[] = [];
    for (const held of this.#held) if (held.first < end && first < held.end) earlier.push(held.done);
    if (earlier.length > 0) return this.#hold(first, end, Promise.all(earlier).then(operation));
    const running = operation();
    return running instanceof Promise ? this.#hold(first, end, running) : running;
  }

  async #hold<T>(first: number, end: number, running: Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const mine: Held = { first, end, done: promise };
    this.#held.add(mine);
    try {
      return await running;
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
