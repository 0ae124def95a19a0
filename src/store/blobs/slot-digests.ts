/** Of one pack: which chunk each of its slots was found to hold, byte for byte. */
export const DIGEST_BYTES = 32;
/** Of a whole pack. */
const USUAL_SLOTS = 1024;

export class SlotDigests {
  /** 32 bytes a slot; zeros where nothing is known. */
  #bytes: Buffer;

  constructor(bytes: Buffer = Buffer.alloc(USUAL_SLOTS * DIGEST_BYTES)) {
    this.#bytes = bytes;
  }

  /** Whether the slot was found to hold the chunk whose digest stands at `place` of `digests`. */
  holds(slot: number, digests: Buffer, place: number): boolean {
    const at = slot * DIGEST_BYTES;
    const from = place * DIGEST_BYTES;
    const isWithin = (start: number, bytes: Buffer) => start >= 0 && start + DIGEST_BYTES <= bytes.length;
    if (!isWithin(at, this.#bytes) || !isWithin(from, digests)) return false;
    return this.#bytes.compare(digests, from, from + DIGEST_BYTES, at, at + DIGEST_BYTES) === 0;
  }

  set(slot: number, digest: Uint8Array): void {
    const at = slot * DIGEST_BYTES;
    if (at + DIGEST_BYTES > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes], 2 * (at + DIGEST_BYTES));
    this.#bytes.set(digest, at);
  }
}
