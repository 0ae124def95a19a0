/**
 * Cuts a stream's bytes into the pieces that a parser asks for, without a promise or a copy a piece: a piece
 * that lies within one received buffer is a view of it, a longer one is gathered in a buffer of its own.
 * `expect` and `skip` are called from the parser's callbacks, each once, and say what comes next. Between
 * `pause` and `resume` nothing is handed out.
 */
export class ByteFeed {
  /** Received and not yet cut. */
  #received: Buffer[] = [];
  /** How much of the first of them is used up. */
  #used = 0;
  #receivedBytes = 0;

  #wanted = 0;
  #take: ((piece: Buffer) => void) | undefined;
  /** A piece under way, and how much of it is there. */
  #gathered: Buffer | undefined;
  #gatheredBytes = 0;
  /** Still to be dropped before the next piece. */
  #skipBytes = 0;

  #paused = false;
  #ended = false;
  #running = false;

  /** The next `length` bytes go to `take` as one buffer, which may keep it. */
  expect(length: number, take: (piece: Buffer) => void): void {
    this.#wanted = length;
    this.#take = take;
  }

  /** Drops the next `length` bytes; then `next` is called. */
  skip(length: number, next: () => void): void {
    this.#skipBytes = length;
    this.expect(0, next);
  }

  push(bytes: Buffer): void {
    if (this.#ended) return;
    this.#received.push(bytes);
    this.#receivedBytes += bytes.length;
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
    this.#take = undefined;
    this.#received = [];
    this.#receivedBytes = 0;
    this.#gathered = undefined;
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (!this.#paused && !this.#ended && this.#take) {
        const piece = this.#nextPiece();
        if (!piece) break;
        const take = this.#take;
        this.#take = undefined;
        take(piece);
      }
    } finally {
      this.#running = false;
    }
  }

  #nextPiece(): Buffer | undefined {
    if (this.#skipBytes > 0) {
      const bytes = Math.min(this.#skipBytes, this.#receivedBytes);
      this.#skipBytes -= bytes;
      this.#consume(bytes);
      if (this.#skipBytes > 0) return undefined;
    }
    const first = this.#received[0];
    if (!this.#gathered && first && first.length - this.#used >= this.#wanted) {
      const piece = first.subarray(this.#used, this.#used + this.#wanted);
      this.#consume(this.#wanted);
      return piece;
    }
    if (!this.#gathered && this.#wanted > 0) {
      this.#gathered = Buffer.allocUnsafeSlow(this.#wanted);
      this.#gatheredBytes = 0;
    }
    return this.#gather();
  }

  #gather(): Buffer | undefined {
    const gathered = this.#gathered;
    if (!gathered) return Buffer.alloc(0);
    while (this.#gatheredBytes < gathered.length) {
      const first = this.#received[0];
      if (!first) return undefined;
      const copied = first.copy(gathered, this.#gatheredBytes, this.#used);
      this.#gatheredBytes += copied;
      this.#consume(copied);
    }
    this.#gathered = undefined;
    return gathered;
  }

  #consume(bytes: number): void {
    this.#receivedBytes -= bytes;
    this.#used += bytes;
    while (this.#received.length > 0 && this.#used >= this.#received[0]!.length) {
      this.#used -= this.#received[0]!.length;
      this.#received.shift();
    }
  }
}
