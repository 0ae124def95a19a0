/**
 * Reads of one image's content, chunk by chunk from the store. A chunk that is wanted whole is read straight to where
 * it is wanted. Of one that is wanted in part the rest is mostly wanted soon: the whole is fetched once, however many
 * readers ask for parts of it at a time, and stays in a bounded least-recently-used cache; once it has gone from there
 * its parts are read straight from the store, where the store can. A failed read is not remembered: the next one asks
 * the store again.
 */
import type { Digest } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { TplError } from "../engine/errors.ts";
import { CHUNK_BYTES, type ChunkMap, chunkCount, digestOf } from "./map.ts";

const CACHE_BYTES = 32 * 1024 * 1024;

export class ImageReader {
  readonly #blobs: BlobStore;
  readonly #map: ChunkMap;
  readonly #capacity: number;
  /** In the order of use, the oldest first. */
  readonly #cached = new Map<number, Buffer>();
  readonly #loading = new Map<number, Promise<Buffer>>();
  /** One bit a chunk that was read before, so that the store has verified it. */
  readonly #known: Uint8Array;
  #readBytes = 0;

  constructor(blobs: BlobStore, map: ChunkMap, cacheBytes: number = CACHE_BYTES) {
    this.#blobs = blobs;
    this.#map = map;
    this.#capacity = Math.max(1, Math.floor(cacheBytes / CHUNK_BYTES));
    this.#known = new Uint8Array(Math.ceil(chunkCount(map.sizeBytes) / 8));
  }

  /** Read from the store so far. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /**
   * Fills `into`, which lies within the chunk `index`, from `from` of the chunk on. Undefined: it is filled. The
   * promise rejects with what the store throws.
   */
  fill(into: Buffer, index: number, from: number): Promise<void> | undefined {
    const cached = this.#fromCache(index);
    if (cached) {
      cached.copy(into, 0, from, from + into.length);
      return undefined;
    }
    const loading = this.#loading.get(index);
    if (loading) return loading.then((chunk) => void chunk.copy(into, 0, from, from + into.length));
    const digest = digestOf(this.#map, index);
    if (!digest) {
      into.fill(0);
      return undefined;
    }
    const isKnown = this.#isKnown(index);
    if (this.#blobs.readPart && (isKnown || into.length === CHUNK_BYTES)) {
      this.#readBytes += into.length;
      const read = this.#blobs.readPart(digest, from, into);
      return isKnown ? read : read?.then(() => this.#setKnown(index));
    }
    const load = this.#load(index, digest).finally(() => this.#loading.delete(index));
    this.#loading.set(index, load);
    return load.then((chunk) => void chunk.copy(into, 0, from, from + into.length));
  }

  #fromCache(index: number): Buffer | undefined {
    const cached = this.#cached.get(index);
    if (!cached) return undefined;
    this.#cached.delete(index);
    this.#cached.set(index, cached);
    return cached;
  }

  async #load(index: number, digest: Digest): Promise<Buffer> {
    this.#readBytes += CHUNK_BYTES;
    const chunk = await this.#blobs.get(digest);
    if (chunk.length !== CHUNK_BYTES) {
      throw new TplError({ code: "blob-corrupt", message: `chunk ${digest} has ${chunk.length} bytes` });
    }
    if (this.#cached.size >= this.#capacity) {
      const [oldest] = this.#cached.keys();
      this.#cached.delete(oldest!);
    }
    this.#cached.set(index, chunk);
    this.#setKnown(index);
    return chunk;
  }

  #isKnown(index: number): boolean {
    return (this.#known[index >>> 3]! & (1 << (index & 7))) !== 0;
  }

  #setKnown(index: number): void {
    this.#known[index >>> 3]! |= 1 << (index & 7);
  }
}
