/**
 * What has become of some chunks of an image. The digests lie together: a map of as many small buffers would take five
 * times the memory, and an image of 10 GiB has 163,840.
 */
import { type ChangedChunks, DIGEST_BYTES } from "./map.ts";

const FIRST_CAPACITY = 1024;
const ZEROS = -1;

export class ChunkChanges implements ChangedChunks {
  /** By chunk: which of the digests is its. */
  readonly #places = new Map<number, number>();
  #digests = Buffer.allocUnsafeSlow(FIRST_CAPACITY * DIGEST_BYTES);
  #count = 0;

  get size(): number {
    return this.#places.size;
  }

  /** Chunks side by side from index `first` on; null: zeros. Each chunk once. */
  add(first: number, digests: readonly (Uint8Array | null)[]): void {
    for (const [at, digest] of digests.entries())
      this.#places.set(first + at, digest ? this.#append(digest) : ZEROS);
  }

  keys(): Iterable<number> {
    return this.#places.keys();
  }

  /** A view, until the next `add`. */
  get(index: number): Uint8Array | null | undefined {
    const place = this.#places.get(index);
    if (place === undefined) return undefined;
    return place === ZEROS ? null : this.#digests.subarray(place * DIGEST_BYTES, (place + 1) * DIGEST_BYTES);
  }

  #append(digest: Uint8Array): number {
    const at = this.#count * DIGEST_BYTES;
    if (at === this.#digests.length) this.#digests = Buffer.concat([this.#digests], 2 * at);
    this.#digests.set(digest, at);
    return this.#count++;
  }
}
