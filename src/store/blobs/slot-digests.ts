/** Of one pack: which chunk each of its slots was found to hold, byte for byte. */

export const DIGEST_BYTES = 32;
/** Of a whole pack. */
const USUAL_SLOTS = 1024;

const UNSET = Buffer.alloc(DIGEST_BYTES);

export class SlotDigests {
  /** 32 bytes a slot; zeros where nothing is known. */
  #bytes: Buffer;
  /** Slots from here on were never set. */
  #end: number;

  /** `known`: as `toBytes` gave it. */
  constructor(known: Buffer = Buffer.alloc(0)) {
    this.#end = Math.floor(known.length / DIGEST_BYTES);
    this.#bytes = Buffer.alloc(Math.max(USUAL_SLOTS, this.#end) * DIGEST_BYTES);
    known.copy(this.#bytes, 0, 0, this.#end * DIGEST_BYTES);
  }

  /** Whether the slot was found to hold the chunk whose digest stands at `place` of `digests`. */
  holds(slot: number, digests: Buffer, place: number): boolean {
    if (slot < 0 || slot >= this.#end || place < 0) return false;
    const from = place * DIGEST_BYTES;
    const to = from + DIGEST_BYTES;
    if (to > digests.length) return false;
    return this.#bytes.compare(digests, from, to, slot * DIGEST_BYTES, (slot + 1) * DIGEST_BYTES) === 0;
  }

  set(slot: number, digest: Uint8Array): void {
    const at = slot * DIGEST_BYTES;
    if (at >= this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * (at + DIGEST_BYTES));
    this.#bytes.set(digest, at);
    this.#end = Math.max(this.#end, slot + 1);
  }

  /** Sets those that are not set here as they are there. */
  learn(other: SlotDigests): void {
    const there = other.toBytes();
    for (let slot = 0; slot * DIGEST_BYTES < there.length; slot++) {
      const digest = there.subarray(slot * DIGEST_BYTES, (slot + 1) * DIGEST_BYTES);
      if (slot >= this.#end || this.holds(slot, UNSET, 0)) this.set(slot, digest);
    }
  }

  toBytes(): Buffer {
    return this.#bytes.subarray(0, this.#end * DIGEST_BYTES);
  }
}
