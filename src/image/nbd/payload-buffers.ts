/**
 * The memory that replies are composed in and payloads are received in, lent and given back when they are done with. A fresh buffer of some hundred
 * KiB costs a page fault for every 4 KiB of it and work for the garbage collector, together more than filling it.
 */

/** Room beside a power of two bytes of data for the heads of what is sent with it. */
const HEADS_BYTES = 4096;
const SMALLEST_DATA_BYTES = 4096;
/** What is longer gets memory of its own. */
const LARGEST_DATA_BYTES = 1024 * 1024;
/** What is kept though nobody has it. */
const MAX_IDLE_BYTES = 32 * 1024 * 1024;

export class PayloadBuffers {
  /** By their size; the size that was given back last stands last. */
  readonly #idle = new Map<number, ArrayBufferLike[]>();
  readonly #lent = new Set<ArrayBufferLike>();
  #idleBytes = 0;

  /** `length` bytes of anything. They may be kept, and are given back only to be used again. */
  take(length: number): Buffer {
    const capacity = capacityFor(length);
    if (capacity === undefined) return Buffer.allocUnsafe(length);
    let memory = this.#idle.get(capacity)?.pop();
    if (memory) this.#idleBytes -= capacity;
    else memory = Buffer.allocUnsafeSlow(capacity).buffer;
    this.#lent.add(memory);
    return Buffer.from(memory, 0, length);
  }

  /** `bytes` are not used any more. What was not taken here, or was given back already, is left alone. */
  give(bytes: Buffer): void {
    const memory = bytes.buffer;
    if (!this.#lent.delete(memory)) return;
    const capacity = memory.byteLength;
    const idle = this.#idle.get(capacity) ?? [];
    this.#idle.delete(capacity);
    this.#idle.set(capacity, idle);
    idle.push(memory);
    this.#idleBytes += capacity;
    if (this.#idleBytes > MAX_IDLE_BYTES) this.#forgetOne();
  }

  /** Of the size that was not given back for longest: requests have changed their size since. */
  #forgetOne(): void {
    for (const [capacity, idle] of this.#idle) {
      if (!idle.pop()) continue;
      this.#idleBytes -= capacity;
      return;
    }
  }
}

/** Undefined: shorter or longer than what is worth keeping. */
function capacityFor(length: number): number | undefined {
  if (length < SMALLEST_DATA_BYTES || length > LARGEST_DATA_BYTES + HEADS_BYTES) return undefined;
  let data = SMALLEST_DATA_BYTES;
  while (data + HEADS_BYTES < length) data *= 2;
  return data + HEADS_BYTES;
}
