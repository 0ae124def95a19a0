/**
 * Tells whether a call that may have to wait for a disk can be made in this thread. What the page cache answers takes
 * microseconds here, and several times as long by way of the thread pool, more on a busy machine; what waits for the
 * disk would hold up everything else of the thread. Nothing says beforehand which it will be, but what the last calls
 * took does: a few slow ones, and calls belong in the pool for a while, for longer each time the next try is slow too.
 */

/** Of 64 KiB, which the page cache answers in a tenth of that. */
const SLOW_MS = 0.1;
const SLOW_BYTES = 65536;
/** How much one call can move the mean: losing the processor for a moment must not pass for a slow disk. */
const MOST_MS = 4 * SLOW_MS;
const WEIGHT = 1 / 8;
const LEAST_ELSEWHERE = 32;
const MOST_ELSEWHERE = 4096;
/** A longer call is worth the way to the pool. */
const MOST_BYTES = 1024 * 1024;

export class FastCalls {
  /** Of the calls made here, for 64 KiB or less each. */
  #meanMs = 0;
  /** How many calls are still to be made elsewhere before the next try. */
  #elsewhere = 0;
  #nextElsewhere = LEAST_ELSEWHERE;

  /** Whether to make the next call, of `bytes`, here. To be asked once for each. */
  expectFast(bytes: number): boolean {
    if (bytes > MOST_BYTES) return false;
    if (this.#elsewhere === 0) return true;
    this.#elsewhere--;
    return false;
  }

  /** A call of `bytes` that was made here took `ms`. */
  took(ms: number, bytes: number): void {
    const comparable = Math.min(bytes > SLOW_BYTES ? (ms * SLOW_BYTES) / bytes : ms, MOST_MS);
    this.#meanMs += (comparable - this.#meanMs) * WEIGHT;
    if (this.#meanMs <= SLOW_MS) {
      if (comparable <= SLOW_MS) this.#nextElsewhere = LEAST_ELSEWHERE;
      return;
    }
    this.#elsewhere = this.#nextElsewhere;
    this.#nextElsewhere = Math.min(2 * this.#nextElsewhere, MOST_ELSEWHERE);
    this.#meanMs = SLOW_MS;
  }
}
