/**
 * What has become of some chunks of an image, all of them known by their indexes before their digests are. These lie
 * together: a map of as many small buffers would take five times the memory, and an image of 10 GiB has 163,840 chunks.
 */
import { type ChangedChunks, DIGEST_BYTES } from "./map.ts";

/** Stands for zeros: nothing has this digest. */
const NONE = Buffer.alloc(DIGEST_BYTES);

export class ChunkChanges implements ChangedChunks {
  readonly #indexes: Uint32Array;
  readonly #digests: Buffer;

  /** `indexes`: of the chunks, ascending. They are zeros until something else is set. */
  constructor(indexes: Uint32Array) {
    this.#indexes = indexes;
    this.#digests = Buffer.alloc(indexes.length * DIGEST_BYTES);
  }

  get size(): number {
    return this.#indexes.length;
  }

  /** Of the chunks side by side from index `first` on; null: zeros. */
  set(first: number, digests: readonly (Uint8Array | null)[]): void {
    const place = this.#placeOf(first)!;
    for (const [at, digest] of digests.entries())
      if (digest) this.#digests.set(digest, (place + at) * DIGEST_BYTES);
  }

  keys(): Uint32Array {
    return this.#indexes;
  }

  get(index: number): Uint8Array | null | undefined {
    const place = this.#placeOf(index);
    if (place === undefined) return undefined;
    const digest = this.#digests.subarray(place * DIGEST_BYTES, (place + 1) * DIGEST_BYTES);
    return NONE.equals(digest) ? null : digest;
  }

  #placeOf(index: number): number | undefined {
    let low = 0;
    let high = this.#indexes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#indexes[middle]! < index) low = middle + 1;
      else high = middle;
    }
    return this.#indexes[low] === index ? low : undefined;
  }
}
