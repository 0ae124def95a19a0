/**
 * Cuts a stream's bytes into the pieces that a parser asks for, without a promise or memory a piece. `expect`, `fill`
 * and `skip` are called from the parser's callbacks, each once, and say what comes next. Between `pause` and `resume`
 * nothing is handed out, and nothing is to be received.
 *
 * What comes in is received into memory of the feed's, or, where a longer payload is due, straight to where that
 * belongs.
 */

/** Receiving less than this straight to its place costs more calls than the copying that it saves. */
const DIRECT_BYTES = 16 * 1024;
const RECEIVE_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

export class ByteFeed {
  /** What is received lands here; used again as soon as it is cut. What is not cut yet is `[#at, #end)`. */
  #memory: Buffer | undefined;
  #at = 0;
  #end = 0;
  /** The memory that was asked for lies in `#into`, and not in `#memory`. */
  #isDirect = false;

  /** What is being filled, how far it is, and what happens then. */
  #into: Buffer = NOTHING;
  #filled = 0;
  #done: ((piece: Buffer) => void) | undefined;
  /** Still to be dropped before it. */
  #skipBytes = 0;

  #paused = false;
  #ended = false;
  #running = false;

  /** The next `length` bytes go to `take`, which has them for the time of that call. */
  expect(length: number, take: (piece: Buffer) => void): void {
    if (this.#end - this.#at < length) {
      this.fill(Buffer.allocUnsafe(length), take);
      return;
    }
    this.fill(length === 0 ? NOTHING : this.#memory!.subarray(this.#at, this.#at + length), take);
    this.#filled = length;
    this.#at += length;
  }

  /** The next bytes fill `into`; then `done` is called with it. */
  fill(into: Buffer, done: (into: Buffer) => void): void {
    this.#into = into;
    this.#filled = 0;
    this.#done = done;
  }

  /** Drops the next `length` bytes; then `next` is called. */
  skip(length: number, next: () => void): void {
    this.#skipBytes = length;
    this.fill(NOTHING, next);
  }

  /** Where the next bytes are to be received. `received` follows, or nothing. */
  memory(): Buffer {
    const isCut = this.#at === this.#end;
    this.#isDirect = isCut && this.#skipBytes === 0 && this.#into.length - this.#filled >= DIRECT_BYTES;
    if (this.#isDirect) return this.#into.subarray(this.#filled);
    this.#memory ??= Buffer.allocUnsafeSlow(RECEIVE_BYTES);
    return this.#memory;
  }

  /** So many bytes came to the memory that was asked for last. */
  received(bytes: number): void {
    if (this.#ended) return;
    if (this.#at < this.#end) throw new Error("bug: received before what came earlier was cut");
    if (this.#isDirect) {
      this.#filled += bytes;
    } else {
      this.#at = 0;
      this.#end = bytes;
    }
    this.#run();
  }

  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#run();
  }

  /** Nothing is handed out any more, and what was received is forgotten. */
  end(): void {
    this.#ended = true;
    this.#done = undefined;
    this.#into = NOTHING;
    this.#at = this.#end;
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (!this.#paused && this.#done && this.#isThere()) {
        const done = this.#done;
        this.#done = undefined;
        done(this.#into);
      }
    } finally {
      this.#running = false;
    }
  }

  /** Whether what is wanted is filled; takes up what was received until then. */
  #isThere(): boolean {
    if (this.#skipBytes > 0) {
      const bytes = Math.min(this.#skipBytes, this.#end - this.#at);
      this.#skipBytes -= bytes;
      this.#at += bytes;
      if (this.#skipBytes > 0) return false;
    }
    const bytes = Math.min(this.#into.length - this.#filled, this.#end - this.#at);
    if (bytes > 0) {
      this.#memory!.copy(this.#into, this.#filled, this.#at, this.#at + bytes);
      this.#filled += bytes;
      this.#at += bytes;
    }
    return this.#filled === this.#into.length;
  }
}
